"""The one face of identity: sign-in, sessions, verification, and what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import DeniedError, NotFoundError
from core.identity.external import ExternalIdentity, ExternalPeople
from core.identity.members import Member, Members
from core.identity.passwords import check_strength, hash_password, is_outdated, is_right
from core.identity.roles import Roles
from core.identity.sessions import Client, Sessions, SessionTokens
from core.identity.standing import Standings
from core.identity.tokens import TokenKeys
from core.run.folder import RunFolder
from core.settings import Settings
from core.tenancy import Tenancy
from core.tenancy.tenancy import BridgeIdentity

_SQL = load_queries("core.identity")
ATTEMPTS = 5
"""Wrong passwords in a row that lock a person out."""
LOCKED_FOR = timedelta(minutes=15)
PASSWORD = "password"  # noqa: S105  the name of a method
"""How sessions that a password opened are marked."""
_NOWHERE = Client()


@dataclass(frozen=True, slots=True)
class Identity:
    """A person acting in one tenant, in one session."""

    person_id: UUID
    email: str
    name: str
    tenant: TenantScope
    permissions: frozenset[str]
    session_id: UUID
    method: str
    """How the session was opened: `password` or `external:<provider>`."""
    admin: bool
    """Holds the administrator's role."""

    @property
    def actor(self) -> Actor:
        """How the audit log names them."""
        return Actor.user(self.email)

    def require(self, permission: str) -> None:
        """Go on only with a permission.

        Raises:
            DeniedError: it is missing.
        """
        if permission not in self.permissions:
            raise DeniedError("permission is missing", expected=permission)


class IdentityService:
    """Over the platform database; lives in one event loop.

    Attributes:
        sessions: list, renew and end sessions.
        members: who belongs to a tenant.
        roles: what roles may do.
        keys: what access tokens are signed with.
    """

    def __init__(self, tenancy: Tenancy, run: RunFolder, settings: Settings) -> None:
        self._tenancy = tenancy
        self._standings = Standings(tenancy)
        self.keys = TokenKeys(run, timedelta(minutes=settings.identity.access_minutes))
        self.sessions = Sessions(tenancy, self.keys, self._standings, settings.identity)
        self.members = Members(tenancy, self._standings)
        self.roles = Roles(tenancy, self._standings)
        self._external = ExternalPeople(tenancy, self.members)

    async def add_person(
        self, scope: TenantScope, email: str, name: str, password: str, role: str, *, actor: Actor
    ) -> UUID:
        """Make somebody a member with one role and a password; may be repeated.

        A person the platform knows already keeps name and password and becomes a member of one more tenant; a
        membership that was ended stays ended.

        Raises:
            InputError: no such role, no e-mail address, no name, or a password too weak.
        """
        check_strength(password)
        return await self.members.add(scope, email, name, await hash_password(password), role, actor=actor)

    async def set_roles(self, scope: TenantScope, email: str, roles: Sequence[str], *, actor: Actor) -> None:
        """See `Members.set_roles`."""
        await self.members.set_roles(scope, email, roles, actor=actor)

    async def set_member_active(self, scope: TenantScope, email: str, active: bool, *, actor: Actor) -> None:
        """See `Members.set_active`."""
        await self.members.set_active(scope, email, active, actor=actor)

    async def people(self, scope: TenantScope) -> list[Member]:
        """See `Members.all`."""
        return await self.members.all(scope)

    async def grant_module_permissions(
        self, scope: TenantScope, module_code: str, permissions: Mapping[str, Sequence[str]], *, actor: Actor
    ) -> None:
        """See `Roles.grant_module_permissions`."""
        await self.roles.grant_module_permissions(scope, module_code, permissions, actor=actor)

    async def sign_in(self, slug: str, email: str, password: str, client: Client = _NOWHERE) -> SessionTokens:
        """A session for a member who knows their password.

        Raises:
            DeniedError: anything is wrong; says no more, and takes as long whatever it is. After `ATTEMPTS` wrong
                passwords in a row nothing is right for `LOCKED_FOR`.
        """
        try:
            found = await self._tenancy.get(slug)
            scope: TenantScope | None = await self._tenancy.active(found.id)
        except (NotFoundError, DeniedError):
            scope = None
        if scope is None:
            await is_right(password, None)
            raise _refused()
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["sign_in"], scope.id, email)
        right = await is_right(password, row["password_hash"] if row else None)
        if row is None:
            await self._denied(scope, email, "unknown")
        elif row["locked"]:
            await self._denied(scope, email, "locked")
        elif not right:
            async with self._tenancy.platform.transaction(scope.id) as transaction:
                locked = await transaction.fetchval(_SQL["count_failure"], row["id"], ATTEMPTS, LOCKED_FOR)
            await self._denied(scope, email, "wrong password, now locked" if locked else "wrong password")
        else:
            await self._welcome(scope, row["id"], password, row["password_hash"])
            return await self.open_session(scope, row["id"], PASSWORD, client)
        raise _refused()

    async def _denied(self, scope: TenantScope, email: str, reason: str) -> None:
        actor = Actor.user(email[:200])
        await self._tenancy.audit.record(
            scope, actor, "person.sign_in", email[:200], None, {"reason": reason}, "denied"
        )

    async def _welcome(self, scope: TenantScope, person_id: UUID, password: str, kept: str) -> None:
        renewed = await hash_password(password) if is_outdated(kept) else None
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["clear_failures"], person_id)
            if renewed is not None:
                await transaction.execute(_SQL["store_hash"], person_id, renewed)

    async def sign_in_external(
        self,
        scope: TenantScope,
        external: ExternalIdentity,
        client: Client = _NOWHERE,
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
        self, scope: TenantScope, person_id: UUID, method: str, client: Client = _NOWHERE
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
        tokens = await self.sessions.open(scope, person_id, method, client)
        identity = await self.verify(tokens.access)
        after = {"method": method, "session": tokens.session_id}
        await self._tenancy.audit.record(scope, identity.actor, "person.sign_in", identity.email, None, after)
        return tokens

    async def refresh(self, token: str, *, session_id: UUID | None = None) -> SessionTokens:
        """See `Sessions.refresh`."""
        return await self.sessions.refresh(token, session_id=session_id)

    async def sign_out(self, identity: Identity) -> None:
        """End the session somebody acts in."""
        await self.sessions.end(
            identity.tenant, actor=identity.actor, person_id=identity.person_id, session_id=identity.session_id
        )

    async def verify(self, token: str) -> Identity:
        """Who a token speaks for, with the permissions of this moment.

        Raises:
            DeniedError: the token is not ours, has expired, or session, person, membership or tenant are no longer
                active.
        """
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

    def rotate_keys(self, *, drop_older: bool = False) -> None:
        """See `TokenKeys.rotate`."""
        self.keys.rotate(drop_older=drop_older)

    async def authenticate_bridge(self, key: str) -> BridgeIdentity:
        """Who holds a bridge key.

        Raises:
            DeniedError: nobody does, or the tenant is not active.
        """
        return await self._tenancy.bridge_of_key(key)


def _refused() -> DeniedError:
    return DeniedError("sign-in is refused", next_step="check tenant, e-mail address and password, or try again later")
