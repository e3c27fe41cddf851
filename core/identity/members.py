"""Members of a tenant: who belongs to it, with which roles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, InputError, NotFoundError
from core.identity.authority import Authority
from core.identity.passwords import is_right
from core.identity.sessions import SessionRecord, Sessions
from core.identity.standing import Standings
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.identity", "members.sql")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_LONGEST_EMAIL, _LONGEST_NAME = 254, 200


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


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What must be known of somebody before anything is done to them."""

    membership: UUID
    person_id: UUID
    email: str
    name: str
    active: bool
    password_version: int
    locked: bool
    roles: list[str]
    permissions: list[str]

    def require_within(self, by: Authority) -> None:
        """Go on only if this person can do nothing that whoever acts cannot.

        Raises:
            DeniedError: they can.
        """
        by.require_reach(self.permissions, admin=ADMIN_ROLE in self.roles)


class Members:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, standings: Standings, sessions: Sessions) -> None:
        self._tenancy = tenancy
        self._standings = standings
        self._sessions = sessions

    async def all(self, scope: TenantScope) -> list[Member]:
        """A tenant's members, by e-mail address."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [Member(**row) for row in await transaction.fetch(_SQL["people_of"], scope.id)]

    async def by_email(self, scope: TenantScope, email: str) -> Member:
        """A member by their address.

        Raises:
            NotFoundError: the tenant has none of it.
        """
        for member in await self.all(scope):
            if member.email.casefold() == email.casefold():
                return member
        raise no_such_person()

    async def add(
        self, scope: TenantScope, email: str, name: str, password_hash: str | None, role: str, *, actor: Actor
    ) -> UUID:
        """Make somebody a member with one role; may be repeated.

        A member of that address keeps name and password, and a membership that was ended stays ended. A person of other
        tenants who has this very password becomes a member of one more; anybody else of that address is somebody else.

        Raises:
            InputError: no such role, no e-mail address or no name.
        """
        check_email(email)
        check_name(name)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock_people"], scope.id)
            (role_id, *_), _ = await roles_of(transaction, scope, [role])
            person_id = await _person(transaction, scope, email, name.strip(), password_hash)
            membership: UUID = await transaction.fetchval(_SQL["add_member"], scope.id, person_id, email, False)
            if (
                password_hash is not None
                and await transaction.fetchval(_SQL["password_of"], person_id) == password_hash
            ):
                await transaction.execute(_SQL["open_to_password"], scope.id, person_id)
            given = await transaction.fetchval(_SQL["give_role"], scope.id, membership, role_id)
            if given:
                await transaction.execute(_SQL["bump_member"], scope.id, membership)
                self._tenancy.audit.note(transaction, scope, actor, "person.add_role", email, after={"role": role})
        if given:
            self._standings.forget(scope.id)
        return person_id

    async def hash_known(self, email: str, password: str) -> str | None:
        """The hash of somebody of that address, in whatever tenant, whose password this is."""
        for row in await self._tenancy.platform.fetch(_SQL["people_of_address"], email):
            if await is_right(password, row["password_hash"]):
                return str(row["password_hash"])
        return None

    async def open_to_password(self, scope: TenantScope, person_id: UUID, password: str) -> None:
        """Let somebody's password open this tenant too, if it is the one that whoever adds them knows."""
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            if await is_right(password, await transaction.fetchval(_SQL["password_of"], person_id)):
                await transaction.execute(_SQL["open_to_password"], scope.id, person_id)

    async def set_roles(self, scope: TenantScope, person_id: UUID, roles: Sequence[str], *, by: Authority) -> None:
        """Give a member exactly these roles; tokens in use follow within seconds.

        Raises:
            InputError: no such role, or it would leave the tenant without an administrator.
            NotFoundError: no such member.
            DeniedError: the roles, or the member, have more rights than whoever acts.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock_people"], scope.id)
            member = await facts_of(transaction, scope, person_id)
            member.require_within(by)
            role_ids, permissions = await roles_of(transaction, scope, roles)
            by.require_reach(permissions, admin=ADMIN_ROLE in roles)
            await transaction.execute(_SQL["take_roles"], scope.id, member.membership)
            for role_id in role_ids:
                await transaction.execute(_SQL["give_role"], scope.id, member.membership, role_id)
            await transaction.execute(_SQL["bump_member"], scope.id, member.membership)
            await _require_administrator(transaction, scope, member)
            after = sorted(set(roles))
            self._tenancy.audit.note(
                transaction, scope, by.actor, "person.set_roles", member.email, member.roles, after
            )
        self._standings.forget(scope.id)

    async def follow(
        self, scope: TenantScope, person_id: UUID, given: AbstractSet[str], governed: AbstractSet[str], *, actor: Actor
    ) -> bool:
        """Give and take the roles that the tenant's identity provider decides on; others stay as they are.

        The last administrator stays one.

        Args:
            scope: the tenant.
            person_id: a member.
            given: what the provider gives them.
            governed: everything it gives or takes.
            actor: who heard the provider.

        Returns:
            Whether any role is left to them.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock_people"], scope.id)
            member = await facts_of(transaction, scope, person_id)
            had = set(member.roles)
            kept = had - governed | given
            if ADMIN_ROLE in had - kept and await transaction.fetchval(_SQL["administrators"], scope.id) <= 1:
                kept.add(ADMIN_ROLE)
            if kept == had:
                return bool(kept)
            role_ids = (await roles_of(transaction, scope, sorted(kept)))[0] if kept else []
            await transaction.execute(_SQL["take_roles"], scope.id, member.membership)
            for role_id in role_ids:
                await transaction.execute(_SQL["give_role"], scope.id, member.membership, role_id)
            await transaction.execute(_SQL["bump_member"], scope.id, member.membership)
            audit = self._tenancy.audit
            audit.note(transaction, scope, actor, "person.set_roles", member.email, sorted(had), sorted(kept))
        self._standings.forget(scope.id)
        return bool(kept)

    async def set_active(self, scope: TenantScope, person_id: UUID, active: bool, *, by: Authority) -> None:
        """End or restore a membership; ending it ends its sessions too.

        Raises:
            InputError: it would leave the tenant without an administrator.
            NotFoundError: no such member.
            DeniedError: the member has more rights than whoever acts.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock_people"], scope.id)
            member = await facts_of(transaction, scope, person_id)
            member.require_within(by)
            await transaction.execute(_SQL["set_active"], scope.id, member.membership, active)
            await _require_administrator(transaction, scope, member)
            before, after = {"active": member.active}, {"active": active}
            self._tenancy.audit.note(transaction, scope, by.actor, "person.set_active", member.email, before, after)
        self._standings.forget(scope.id)
        if not active:
            await self._sessions.end(scope, actor=by.actor, person_id=person_id)

    async def unlock(self, scope: TenantScope, person_id: UUID, *, by: Authority) -> None:
        """Let somebody try again whom too many wrong passwords have locked out.

        Raises:
            NotFoundError: no such member.
            DeniedError: the member has more rights than whoever acts, or is known in other tenants too.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            member = await facts_of(transaction, scope, person_id)
            member.require_within(by)
            await require_ours_alone(transaction, scope, member, by)
            await transaction.execute(_SQL["unlock"], person_id)
            before, after = {"locked": member.locked}, {"locked": False}
            self._tenancy.audit.note(transaction, scope, by.actor, "person.unlock", member.email, before, after)

    async def sessions_of(self, scope: TenantScope, person_id: UUID) -> list[SessionRecord]:
        """Open sessions of a member.

        Raises:
            NotFoundError: no such member.
        """
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            await facts_of(transaction, scope, person_id)
        return await self._sessions.all(scope, person_id)

    async def end_sessions(self, scope: TenantScope, person_id: UUID, *, by: Authority) -> int:
        """Sign a member out everywhere in this tenant; returns how many sessions ended.

        Raises:
            NotFoundError: no such member.
            DeniedError: the member has more rights than whoever acts.
        """
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            (await facts_of(transaction, scope, person_id)).require_within(by)
        return await self._sessions.end(scope, actor=by.actor, person_id=person_id)


async def _person(
    transaction: Transaction, scope: TenantScope, email: str, name: str, password_hash: str | None
) -> UUID:
    """The member of that address; else who has that password elsewhere; else somebody new."""
    member = await transaction.fetchrow(_SQL["member_of_address"], scope.id, email)
    if member is not None:
        return member["person_id"]
    for row in await transaction.fetch(_SQL["people_of_address"], email):
        if row["password_hash"] == password_hash:
            return row["id"]
    return await transaction.fetchval(_SQL["new_person"], email, name, password_hash)


async def facts_of(transaction: Transaction, scope: TenantScope, person_id: UUID) -> MemberFacts:
    """What there is to know of a member.

    Raises:
        NotFoundError: the tenant has none of that id; one of another tenant is answered the same way.
    """
    row = await transaction.fetchrow(_SQL["member_facts"], scope.id, person_id)
    if row is None:
        raise no_such_person()
    return MemberFacts(**row)


async def require_ours_alone(transaction: Transaction, scope: TenantScope, member: MemberFacts, by: Authority) -> None:
    """Go on only if nobody else relies on this person's way in.

    A tenant's administrator who could set the password of somebody known elsewhere could sign in there as them.

    Raises:
        DeniedError: other tenants do.
    """
    if not by.operator and await transaction.fetchval(_SQL["belongs_elsewhere"], member.person_id, scope.id):
        raise DeniedError(
            "this person's sign-in is not this tenant's alone",
            next_step="they change it themselves, or the operator does: platform identity people",
        )


async def roles_of(
    transaction: Transaction, scope: TenantScope, codes: Sequence[str]
) -> tuple[list[UUID], frozenset[str]]:
    """Ids of roles by their codes, and what they may do together.

    Raises:
        InputError: the tenant has none of a code, or none was named.
    """
    known: dict[str, dict[str, Any]] = {
        row["code"]: row for row in await transaction.fetch(_SQL["roles_by_code"], scope.id)
    }
    unknown = sorted(set(codes) - set(known))
    if unknown or not codes:
        what = "no such role" if unknown else "no role was named"
        raise InputError(what, expected=", ".join(known), received=", ".join(unknown) or None)
    chosen = [known[code] for code in sorted(set(codes))]
    return [row["id"] for row in chosen], frozenset(one for row in chosen for one in row["permissions"])


async def _require_administrator(transaction: Transaction, scope: TenantScope, member: MemberFacts) -> None:
    """After a change to somebody who administered: another must be left."""
    if not (member.active and ADMIN_ROLE in member.roles):
        return
    if not await transaction.fetchval(_SQL["administrators"], scope.id):
        raise InputError(
            "the tenant would have no administrator left",
            received=member.email,
            next_step="give another member the role admin first",
        )


def check_email(email: str) -> None:
    """Refuse what is no e-mail address, as InputError."""
    if not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL or _has_controls(email):
        raise InputError("not an e-mail address", received=email[:_LONGEST_EMAIL])


def check_name(name: str) -> None:
    """Refuse what is nobody's name.

    Raises:
        InputError: nothing, too much, or what no database keeps.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or _has_controls(name):
        raise InputError(
            "a person needs a name", expected=f"1 to {_LONGEST_NAME} characters, none of them control codes"
        )


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(one) in ("Cc", "Cs") for one in text)


def no_such_person() -> NotFoundError:
    """The one answer to every id or address that is not a member's."""
    return NotFoundError("no such person")
