"""Members of a tenant: who belongs to it, with which roles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError
from core.identity.standing import Standings
from core.tenancy import Tenancy

_SQL = load_queries("core.identity", "members.sql")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Member:
    """A line of a tenant's list of people."""

    id: UUID
    email: str
    name: str
    active: bool
    locked: bool
    last_sign_in: datetime | None
    roles: list[str]


class Members:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, standings: Standings) -> None:
        self._tenancy = tenancy
        self._standings = standings

    async def add(
        self, scope: TenantScope, email: str, name: str, password_hash: str | None, role: str, *, actor: Actor
    ) -> UUID:
        """Make somebody a member with one role; may be repeated.

        A person the platform knows already keeps name and password and becomes a member of one more tenant; a
        membership that was ended stays ended.

        Raises:
            InputError: no such role, no e-mail address or no name.
        """
        check_email(email)
        if not name.strip():
            raise InputError("a person needs a name", received=f"{name} <{email}>")
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role_id = await role_id_of(transaction, scope, role)
            person_id = await transaction.fetchval(_SQL["ensure_person"], email, name.strip(), password_hash)
            membership = await transaction.fetchval(_SQL["add_member"], scope.id, person_id)
            given = await transaction.fetchval(_SQL["give_role"], scope.id, membership, role_id)
            if given:
                await transaction.execute(_SQL["bump_member"], scope.id, membership)
                self._tenancy.audit.note(transaction, scope, actor, "person.add_role", email, after={"role": role})
        if given:
            self._standings.forget(scope.id)
        return person_id

    async def set_roles(self, scope: TenantScope, email: str, roles: Sequence[str], *, actor: Actor) -> None:
        """Give a member exactly these roles; tokens in use follow within seconds.

        Raises:
            InputError: no such role.
            NotFoundError: no such member.
        """
        member = await self._member(scope, email)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role_ids = [await role_id_of(transaction, scope, role) for role in roles]
            membership = await transaction.fetchval(_SQL["add_member"], scope.id, member.id)
            await transaction.execute(_SQL["take_roles"], scope.id, membership)
            for role_id in role_ids:
                await transaction.execute(_SQL["give_role"], scope.id, membership, role_id)
            await transaction.execute(_SQL["bump_member"], scope.id, membership)
            self._tenancy.audit.note(transaction, scope, actor, "person.set_roles", email, member.roles, list(roles))
        self._standings.forget(scope.id)

    async def set_active(self, scope: TenantScope, email: str, active: bool, *, actor: Actor) -> None:
        """End or restore a membership; tokens in use stop working within seconds.

        Raises:
            NotFoundError: no such member.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            if await transaction.fetchval(_SQL["set_member_active"], scope.id, email, active) is None:
                raise NotFoundError("no such member", received=email)
            self._tenancy.audit.note(transaction, scope, actor, "person.set_active", email, after=active)
        self._standings.forget(scope.id)

    async def all(self, scope: TenantScope) -> list[Member]:
        """A tenant's members, by e-mail address."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [Member(**row) for row in await transaction.fetch(_SQL["people_of"], scope.id)]

    async def _member(self, scope: TenantScope, email: str) -> Member:
        for member in await self.all(scope):
            if member.email.lower() == email.lower() and member.active:
                return member
        raise NotFoundError("no such member", received=email)


def check_email(email: str) -> None:
    """Refuse what is no e-mail address.

    Raises:
        InputError: it is none.
    """
    if not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL:
        raise InputError("not an e-mail address", received=email[:_LONGEST_EMAIL])


async def role_id_of(transaction: Transaction, scope: TenantScope, role: str) -> UUID:
    """The id of a role by its code.

    Raises:
        InputError: the tenant has none of that code.
    """
    found = await transaction.fetchval(_SQL["role_by_code"], scope.id, role)
    if found is None:
        codes = [row["code"] for row in await transaction.fetch(_SQL["role_codes"], scope.id)]
        raise InputError("no such role", expected=", ".join(codes), received=role)
    return found
