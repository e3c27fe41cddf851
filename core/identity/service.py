"""The one face of identity: doors, sessions, verification, and what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, NotFoundError
from core.identity.api_keys import ApiKeys
from core.identity.attempts import Attempts
from core.identity.credentials import Credentials, refused
from core.identity.external import ExternalIdentity, ExternalPeople
from core.identity.identity import PASSWORD, Identity
from core.identity.invitations import Invitations
from core.identity.key_door import KeyDoor
from core.identity.links import ENTRY, Link, Links
from core.identity.members import Member, Members
from core.identity.passwords import check_strength, hash_password
from core.identity.roles import Roles
from core.identity.sessions import Client, Sessions, SessionTokens
from core.identity.shared_rates import SharedRates
from core.identity.standing import Standings
from core.identity.tokens import TokenKeys
from core.run.folder import RunFolder
from core.settings import Settings
from core.tenancy import Tenancy
from core.tenancy.bridges import BridgeIdentity
from core.tenancy.keys import KEY_MARK

_ENTRY = timedelta(minutes=5)
"""How long one may take to choose a tenant after the password."""
_UNKNOWN = Client()


class IdentityService:
    """Over the platform database; lives in one event loop.

    Attributes:
        credentials: passwords: change, reset.
        invitations: links that make somebody a member.
        members: who belongs to a tenant.
        roles: what roles may do.
        api_keys: keys of programs.
        sessions: list, renew and end sessions.
        keys: what access tokens are signed with.
        attempts: how often strangers may try a door.
    """

    def __init__(self, tenancy: Tenancy, run: RunFolder, settings: Settings) -> None:
        self._tenancy = tenancy
        self._links = Links(run)
        self._standings = Standings(tenancy)
        chosen = settings.identity
        self.keys = TokenKeys(run, timedelta(minutes=chosen.access_minutes))
        self.sessions = Sessions(tenancy, self.keys, self._standings, chosen)
        self.credentials = Credentials(tenancy, self._standings, self._links, chosen)
        self.invitations = Invitations(tenancy, self._standings, self._links, chosen)
        self.members = Members(tenancy, self._standings, self.sessions)
        self.roles = Roles(tenancy, self._forget)
        rates = SharedRates(tenancy.platform)
        self.attempts = Attempts(rates, chosen)
        self._key_door = KeyDoor(tenancy, rates)
        self.api_keys = ApiKeys(tenancy, chosen, self._key_door.forget)
        self._external = ExternalPeople(tenancy, self.members, self.invitations)

    def _forget(self, scope: TenantScope) -> None:
        self._standings.forget(scope.id)
        self._key_door.forget()

    async def add_person(
        self, scope: TenantScope, email: str, name: str, password: str, role: str, *, actor: Actor
    ) -> UUID:
        """Make somebody a member with one role and a password; may be repeated.

        Whoever has this address and this password in another tenant becomes a member of one more. A member of that
        address keeps name and password, and a membership that was ended stays ended.

        Raises:
            InputError: no such role, no e-mail address, no name, or a password too weak.
        """
        check_strength(password, email, name, scope.name)
        kept = await self.members.hash_known(email, password) or await hash_password(password)
        person_id = await self.members.add(scope, email, name, kept, role, actor=actor)
        await self.members.open_to_password(scope, person_id, password)
        return person_id

    async def people(self, scope: TenantScope) -> list[Member]:
        """A tenant's members, by e-mail address."""
        return await self.members.all(scope)

    async def grant_module_permissions(
        self, scope: TenantScope, module_code: str, permissions: Mapping[str, Sequence[str]], *, actor: Actor
    ) -> None:
        """See `Roles.grant_module_permissions`."""
        await self.roles.grant_module_permissions(scope, module_code, permissions, actor=actor)

    async def sign_in(self, slug: str, email: str, password: str, client: Client = _UNKNOWN) -> SessionTokens:
        """A session for a member who knows their password; see `Credentials.check`.

        Raises:
            DeniedError: anything is wrong; says no more, and takes as long whatever it is.
        """
        try:
            found = await self._tenancy.get(slug)
            scope: TenantScope | None = await self._tenancy.active(found.id)
        except (NotFoundError, DeniedError):
            scope = None
        person_id = await self.credentials.check(scope, email, password)
        if scope is None:
            raise refused()
        return await self.open_session(scope, person_id, PASSWORD, client)

    async def tenants_to_enter(self, email: str, password: str) -> tuple[Link, list[TenantScope]]:
        """The platform's own door: where somebody who knows their password may go, and the ticket to go there.

        Raises:
            DeniedError: as `sign_in`.
        """
        people = await self.credentials.check_everywhere(email, password)
        told = self._links.sign(ENTRY, _ENTRY, sub=" ".join(str(one) for one in people))
        return told, [scope for one in people for scope in await self.credentials.tenants_of(one)]

    async def enter(self, ticket: str, slug: str, client: Client = _UNKNOWN) -> SessionTokens:
        """A session in the tenant that was chosen.

        Raises:
            DeniedError: the ticket is too old, or the tenant is none of theirs; one that never was is answered alike.
        """
        people = [UUID(one) for one in self._links.read(ENTRY, ticket)["sub"].split()]
        for person_id in people[:-1]:
            with suppress(DeniedError):
                return await self._enter(slug, person_id, client)
        return await self._enter(slug, people[-1], client)

    async def tenants_of(self, identity: Identity) -> list[TenantScope]:
        """Where somebody belongs, for their own eyes; a session that speaks for one tenant only hears of no other."""
        if identity.method != PASSWORD:
            return [identity.tenant]
        return await self.credentials.tenants_of(identity.person_id)

    async def switch(self, identity: Identity, slug: str, client: Client = _UNKNOWN) -> SessionTokens:
        """A session in another of one's tenants.

        Raises:
            DeniedError: the tenant is none of theirs, or they came in by something that speaks for one tenant only: a
                tenant's identity provider says who somebody is in that tenant and nowhere else.
        """
        if identity.method != PASSWORD:
            raise DeniedError("this sign-in is good for one tenant", next_step="sign in at the other tenant")
        return await self._enter(slug, identity.person_id, client)

    async def _enter(self, slug: str, person_id: UUID, client: Client) -> SessionTokens:
        try:
            scope = await self._tenancy.active((await self._tenancy.get(slug)).id)
            return await self.open_session(scope, person_id, PASSWORD, client)
        except (NotFoundError, DeniedError) as error:
            raise DeniedError("no such tenant to enter", received=slug) from error

    async def join(self, identity: Identity, token: str, client: Client = _UNKNOWN) -> SessionTokens:
        """Accept an invitation as who one is already, and a session in its tenant; see `Invitations.join`.

        Raises:
            DeniedError: the link is not good, is for another address, or they came in by something that speaks for
                one tenant only.
        """
        if identity.method != PASSWORD:
            raise DeniedError("this sign-in is good for one tenant", next_step="choose a password for the other one")
        accepted = await self.invitations.join(token, identity)
        return await self.open_session(accepted.scope, accepted.person_id, PASSWORD, client)

    async def accept_invitation(self, token: str, name: str, password: str, client: Client = _UNKNOWN) -> SessionTokens:
        """Become a member by an invitation, and a session as one; see `Invitations.accept`."""
        accepted = await self.invitations.accept(token, name, password)
        return await self.open_session(accepted.scope, accepted.person_id, PASSWORD, client)

    async def sign_in_external(
        self,
        scope: TenantScope,
        external: ExternalIdentity,
        client: Client = _UNKNOWN,
        *,
        just_in_time_role: str | None = None,
    ) -> SessionTokens:
        """A session for somebody whom the tenant's identity provider vouches for.

        Args:
            scope: the provider's tenant.
            external: who has come; its signature was checked.
            client: where from.
            just_in_time_role: the provider's setting: role a stranger is admitted with; None admits no strangers.

        Raises:
            DeniedError: nobody who may come in.
        """
        person_id = await self._external.person_of(scope, external, just_in_time_role)
        return await self.open_session(scope, person_id, external.method, client)

    async def open_session(
        self, scope: TenantScope, person_id: UUID, method: str, client: Client = _UNKNOWN
    ) -> SessionTokens:
        """A session for a member; the caller has made sure that it is them.

        Args:
            scope: the tenant.
            person_id: of an active member.
            method: how they came in; only `PASSWORD` counts beyond this tenant.
            client: where from.

        Raises:
            DeniedError: not an active member.
        """
        return await self.sessions.open(scope, person_id, method, client)

    async def refresh(self, token: str, *, session_id: UUID | None = None) -> SessionTokens:
        """See `Sessions.refresh`."""
        return await self.sessions.refresh(token, session_id=session_id)

    async def sign_out(self, identity: Identity) -> None:
        """End the session somebody acts in."""
        await self.sessions.end(
            identity.tenant, actor=identity.actor, person_id=identity.person_id, session_id=identity.session
        )

    async def verify(self, token: str) -> Identity:
        """Who a token or a program's key speaks for, with the permissions of this moment.

        Raises:
            DeniedError: it is not ours, has expired or was revoked, or session, person, membership or tenant are no
                longer active.
            TooManyRequestsError: a key has come more often than it may.
        """
        if token.startswith(KEY_MARK):
            return await self._key_door.enter(token)
        claims = self.keys.verify(token)
        standing = await self._standings.of(claims)
        if standing is None or standing.tenant.slug != claims.slug:
            raise DeniedError("the token is not valid", next_step="sign in again")
        return Identity(
            claims.person_id,
            standing.email,
            standing.name,
            standing.tenant,
            standing.permissions,
            claims.session_id,
            standing.method,
            standing.admin,
        )

    def is_familiar(self, key: str) -> bool:
        """Whether a program's key has been good in this process: who brings it is no stranger."""
        return self._key_door.is_familiar(key)

    async def record_denied(self, identity: Identity, door: str, reason: str) -> None:
        """Put on record that somebody was refused at a door."""
        await self._tenancy.audit.record(
            identity.tenant, identity.actor, "route.call", door, None, {"reason": reason}, "denied"
        )

    def rotate_keys(self, *, drop_older: bool = False) -> None:
        """See `TokenKeys.rotate`."""
        self.keys.rotate(drop_older=drop_older)

    async def authenticate_bridge(self, key: str) -> BridgeIdentity:
        """Who holds a bridge key.

        Raises:
            DeniedError: nobody does, or the tenant is not active.
        """
        return await self._tenancy.bridge_of_key(key)
