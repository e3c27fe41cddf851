"""Invitations: a link that makes whoever holds it a member, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, InputError, NotFoundError
from core.identity.authority import Authority
from core.identity.identity import Identity
from core.identity.links import INVITATION, Link, Links, spent
from core.identity.members import check_email, check_name, roles_of
from core.identity.passwords import check_strength, hash_password
from core.identity.standing import Standings
from core.settings import IdentitySettings
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.identity", "invitations.sql")
_MEMBERS = load_queries("core.identity", "members.sql")


@dataclass(frozen=True, slots=True)
class Invitation:
    """One that nobody has accepted yet."""

    id: UUID
    email: str
    name: str
    invited_by: str
    created_at: datetime
    expires_at: datetime
    roles: list[str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who has become a member by an invitation."""

    scope: TenantScope
    person_id: UUID


@dataclass(frozen=True, slots=True)
class InvitationView:
    """What whoever holds the link is shown before they accept."""

    tenant_name: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open invitation, locked for the transaction that reads it."""

    id: UUID
    email: str
    name: str


class Invitations:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, standings: Standings, links: Links, settings: IdentitySettings) -> None:
        self._tenancy = tenancy
        self._standings = standings
        self._links = links
        self._life = timedelta(days=settings.invitation_days)

    async def invite(self, scope: TenantScope, email: str, name: str, roles: Sequence[str], *, by: Authority) -> Link:
        """Invite somebody, known to the platform or not; an open invitation of the address is withdrawn.

        Returns:
            The link, for the person concerned and nobody else.

        Raises:
            InputError: no e-mail address, no such role, or a member of the tenant.
            DeniedError: the roles have more rights than whoever acts.
        """
        check_email(email)
        if name:
            check_name(name)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_MEMBERS["lock_people"], scope.id)
            role_ids, permissions = await roles_of(transaction, scope, roles)
            by.require_reach(permissions, admin=ADMIN_ROLE in roles)
            member = await transaction.fetchrow(_MEMBERS["member_of_address"], scope.id, email)
            if member is not None:
                raise InputError(
                    "already a member" if member["active"] else "a member whose membership was ended",
                    received=email,
                    next_step="change their roles" if member["active"] else "reactivate them",
                )
            await transaction.execute(_SQL["withdraw_older"], scope.id, email)
            invitation = await transaction.fetchval(
                _SQL["invite"], scope.id, email, name.strip(), str(by.actor), self._life
            )
            for role_id in role_ids:
                await transaction.execute(_SQL["promise_role"], scope.id, invitation, role_id)
            after = {"roles": sorted(set(roles)), "invitation": invitation}
            self._tenancy.audit.note(transaction, scope, by.actor, "person.invite", email, None, after)
        return self._links.sign(INVITATION, self._life, sub=invitation, tid=scope.id)

    async def record_denied(self, scope: TenantScope, email: str, reason: str, *, by: Authority) -> None:
        """Put on record that somebody may not invite an address."""
        await self._tenancy.audit.record(scope, by.actor, "person.invite", email, None, {"reason": reason}, "denied")

    async def open(self, scope: TenantScope) -> list[Invitation]:
        """Invitations nobody has accepted yet, by address."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["open_ones"], scope.id)
        return [Invitation(**row) for row in rows]

    async def withdraw(self, scope: TenantScope, invitation_id: UUID, *, by: Authority) -> None:
        """Make a link worthless.

        Raises:
            NotFoundError: no open invitation of that id in this tenant.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            email = await transaction.fetchval(_SQL["withdraw"], scope.id, invitation_id)
            if email is None:
                raise NotFoundError("no such invitation")
            before = {"invitation": invitation_id}
            self._tenancy.audit.note(transaction, scope, by.actor, "person.withdraw_invitation", email, before)

    async def look(self, token: str) -> InvitationView:
        """What an invitation is for; says nothing of who is known to the platform.

        Raises:
            DeniedError: the link is not good.
        """
        scope, invitation_id = await self._read(token)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            found = await _open(transaction, scope, invitation_id, None)
        if found is None:
            raise spent()
        return InvitationView(scope.name, found.email, found.name)

    async def accept(self, token: str, name: str, password: str) -> Accepted:
        """Become a member as somebody new, with a name and a password of this tenant's own.

        Whoever else has the address somewhere is neither asked nor met: a link shows that somebody may join this
        tenant, and nothing of who they are in another. Who wants to be the same person signs in there and joins.

        Raises:
            DeniedError: the link is not good.
            InputError: the new password is too weak, or the name is empty; the link stays good.
        """
        scope, invitation_id = await self._read(token)
        hashed = await hash_password(password)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            found = await self._still_open(transaction, scope, invitation_id)
            called = (name or found.name).strip()
            check_name(called)
            check_strength(password, found.email, called, scope.name)
            person_id = await transaction.fetchval(_MEMBERS["new_person"], found.email, called, hashed)
            await self._join(transaction, scope, found, person_id, Actor.user(found.email), by_password=True)
        self._standings.forget(scope.id)
        return Accepted(scope, person_id)

    async def join(self, token: str, identity: Identity) -> Accepted:
        """Become a member as who one is in another tenant, by the invitation's link and a session there.

        Neither is enough: a link alone may be in the hands of whoever made it, and the address of a session alone may
        have been named by whoever administers its tenant.

        Args:
            token: the link's.
            identity: somebody whose password has been proven; of the invitation's address.

        Raises:
            DeniedError: the link is not good, or for another address.
        """
        scope, invitation_id = await self._read(token)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            found = await self._still_open(transaction, scope, invitation_id)
            if found.email.lower() != identity.email.lower():
                raise DeniedError("the invitation is for another address", next_step="sign in with that one")
            await self._join(
                transaction, scope, found, identity.person_id, Actor.user(identity.email), by_password=True
            )
        self._standings.forget(scope.id)
        return Accepted(scope, identity.person_id)

    async def accept_vouched(self, scope: TenantScope, email: str, name: str, actor: Actor) -> UUID | None:
        """Make somebody a member whose address the tenant's provider vouches for, if they are invited."""
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_MEMBERS["lock_people"], scope.id)
            found = await _open(transaction, scope, None, email)
            if found is None or await transaction.fetchrow(_MEMBERS["member_of_address"], scope.id, email):
                return None
            person_id = await transaction.fetchval(_MEMBERS["new_person"], found.email, name, None)
            await self._join(transaction, scope, found, person_id, actor, by_password=False)
        self._standings.forget(scope.id)
        return person_id

    async def _still_open(self, transaction: Transaction, scope: TenantScope, invitation_id: UUID) -> _Opened:
        await transaction.execute(_MEMBERS["lock_people"], scope.id)
        found = await _open(transaction, scope, invitation_id, None)
        # Whoever became a member on another way in the meantime needs no invitation any more.
        if found is None or await transaction.fetchrow(_MEMBERS["member_of_address"], scope.id, found.email):
            raise spent()
        return found

    async def _join(
        self,
        transaction: Transaction,
        scope: TenantScope,
        found: _Opened,
        person_id: UUID,
        actor: Actor,
        *,
        by_password: bool,
    ) -> None:
        member = await transaction.fetchval(_MEMBERS["add_member"], scope.id, person_id, found.email, by_password)
        for row in await transaction.fetch(_SQL["promised_roles"], scope.id, found.id):
            await transaction.execute(_MEMBERS["give_role"], scope.id, member, row["role_id"])
        await transaction.execute(_MEMBERS["bump_member"], scope.id, member)
        await transaction.execute(_SQL["accept"], scope.id, found.id)
        after = {"invitation": found.id}
        self._tenancy.audit.note(transaction, scope, actor, "person.accept_invitation", found.email, None, after)

    async def _read(self, token: str) -> tuple[TenantScope, UUID]:
        said = self._links.read(INVITATION, token)
        try:
            return await self._tenancy.active(UUID(said["tid"])), UUID(said["sub"])
        except DeniedError as error:
            raise spent() from error


async def _open(
    transaction: Transaction, scope: TenantScope, invitation_id: UUID | None, email: str | None
) -> _Opened | None:
    row = await transaction.fetchrow(_SQL["find_open"], scope.id, invitation_id, email)
    return _Opened(**row) if row else None
