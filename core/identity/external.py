"""People whom a tenant's identity provider vouches for.

A provider speaks for its tenant alone: it opens sessions of that tenant and of no other, whoever it names, and it never
touches a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import DeniedError
from core.identity.invitations import Invitations
from core.identity.members import Members
from core.tenancy import Tenancy

_SQL = load_queries("core.identity", "external.sql")
_SIGN_IN = Actor.service("sign-in")


@dataclass(frozen=True, slots=True)
class ClaimedRoles:
    """What a provider's words give somebody, by the mapping that its tenant made.

    Attributes:
        given: roles of the tenant that they have by it.
        governed: roles that it gives and takes; others are the administrators' to give.
    """

    given: frozenset[str]
    governed: frozenset[str]


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Somebody as a provider describes them; the caller has checked the provider's signature.

    Attributes:
        provider: name of the provider in its tenant.
        subject: what the provider calls the person, never given to another.
        email: may change, and may be somebody else's tomorrow.
        name: as people read it.
        verified: the provider says that the e-mail address is theirs; without it nobody is found by it.
        roles: what it gives them; None leaves that to the tenant's administrators.
    """

    provider: str
    subject: str
    email: str
    name: str
    verified: bool
    roles: ClaimedRoles | None = None

    @property
    def method(self) -> str:
        """How sessions that it opens are marked."""
        return f"external:{self.provider}"


class ExternalPeople:
    """Finds, links or admits whom a provider means."""

    def __init__(self, tenancy: Tenancy, members: Members, invitations: Invitations) -> None:
        self._tenancy = tenancy
        self._members = members
        self._invitations = invitations

    async def person_of(self, scope: TenantScope, external: ExternalIdentity, just_in_time_role: str | None) -> UUID:
        """The member who is meant.

        Args:
            scope: the provider's tenant.
            external: who has come.
            just_in_time_role: role a stranger is admitted with; None admits only strangers to whom the provider gives
                one.

        Raises:
            DeniedError: nobody, somebody whose membership was ended, or to whom the provider leaves no role.
            InputError: no such role.
        """
        found = await self._linked(scope, external)
        if found is None and external.verified:
            found = await self._known_by_email(scope, external) or await self._invited(scope, external)
            first = _first_role(external, just_in_time_role)
            if found is None and first is not None:
                found = await self._admit(scope, external, first)
        if found is None:
            raise await self._denied(scope, external, "unknown")
        if external.roles is not None:
            given, governed = external.roles.given, external.roles.governed
            if not await self._members.follow(scope, found, given, governed, actor=_SIGN_IN):
                raise await self._denied(scope, external, "the provider gives no role")
        return found

    async def _denied(self, scope: TenantScope, external: ExternalIdentity, reason: str) -> DeniedError:
        """The refusal, which is in the log."""
        facts = {"reason": reason, "provider": external.provider}
        await self._tenancy.audit.record(
            scope, _actor(external), "person.sign_in", external.email, None, facts, "denied"
        )
        return DeniedError("sign-in is refused", next_step="ask an administrator of the tenant")

    async def _linked(self, scope: TenantScope, external: ExternalIdentity) -> UUID | None:
        who = (scope.id, external.provider, external.subject)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            row = await transaction.fetchrow(_SQL["linked"], *who)
            if row is not None:
                await transaction.execute(_SQL["seen"], *who, external.email)
        return _if_active(row["person_id"], row["active"]) if row else None

    async def _known_by_email(self, scope: TenantScope, external: ExternalIdentity) -> UUID | None:
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["member_by_email"], scope.id, external.email, external.provider)
        if row is None:
            return None
        person_id = _if_active(row["person_id"], row["active"])
        await self._link(scope, external, person_id)
        return person_id

    async def _invited(self, scope: TenantScope, external: ExternalIdentity) -> UUID | None:
        person_id = await self._invitations.accept_vouched(scope, external.email, _name(external), _actor(external))
        if person_id is not None:
            await self._link(scope, external, person_id)
        return person_id

    async def _admit(self, scope: TenantScope, external: ExternalIdentity, role: str) -> UUID:
        person_id = await self._members.add(scope, external.email, _name(external), None, role, actor=_actor(external))
        await self._link(scope, external, person_id)
        return person_id

    async def _link(self, scope: TenantScope, external: ExternalIdentity, person_id: UUID) -> None:
        who = (scope.id, external.provider, external.subject)
        after = {"provider": external.provider, "subject": external.subject}
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["link"], *who, person_id, external.email)
            self._tenancy.audit.note(transaction, scope, _actor(external), "person.link", external.email, None, after)


def _first_role(external: ExternalIdentity, just_in_time_role: str | None) -> str | None:
    given = sorted(external.roles.given) if external.roles else []
    return given[0] if given else just_in_time_role


def _actor(external: ExternalIdentity) -> Actor:
    return Actor.user(external.email[:200])


def _name(external: ExternalIdentity) -> str:
    return external.name.strip()[:200] or external.email


def _if_active(person_id: UUID, active: bool) -> UUID:
    if not active:
        raise DeniedError("sign-in is refused", next_step="ask an administrator of the tenant")
    return person_id
