"""Sign-in and verification."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, InputError, NotFoundError
from core.identity.passwords import check_strength, hash_password, is_outdated, is_right
from core.identity.permissions import Standings
from core.identity.tokens import Claims, TokenKeys
from core.run.folder import RunFolder
from core.settings import Settings
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE
from core.tenancy.tenancy import BridgeIdentity

_SQL = load_queries("core.identity")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PERMISSION = re.compile(r"[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*")
ATTEMPTS = 5
"""Wrong passwords in a row that lock a person out."""
LOCKED_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Identity:
    """A person acting in one tenant."""

    person_id: UUID
    email: str
    name: str
    tenant: TenantScope
    permissions: frozenset[str]

    def require(self, permission: str) -> None:
        """Go on only with a permission.

        Raises:
            DeniedError: it is missing.
        """
        if permission not in self.permissions:
            raise DeniedError("permission is missing", expected=permission)


@dataclass(frozen=True, slots=True)
class Member:
    """A line of a tenant's list of people."""

    id: UUID
    email: str
    name: str
    active: bool
    roles: list[str]


class IdentityService:
    """Over the platform database; lives in one event loop."""

    def __init__(self, tenancy: Tenancy, run: RunFolder, settings: Settings) -> None:
        self._tenancy = tenancy
        self._keys = TokenKeys(run)
        self._standings = Standings(tenancy)
        self._lifetime = timedelta(minutes=settings.agents.token_minutes)

    async def add_person(
        self, scope: TenantScope, email: str, name: str, password: str, role: str, *, actor: Actor
    ) -> UUID:
        """Make somebody a member with one role; may be repeated.

        A person the platform knows already keeps name and password and becomes a member of one more tenant; a
        membership that was ended stays ended.

        Raises:
            InputError: no such role, no e-mail address, no name, or a password too short.
        """
        if not _EMAIL.fullmatch(email) or not name.strip():
            raise InputError("a person needs a name and an e-mail address", received=f"{name} <{email}>")
        check_strength(password)
        hashed = await hash_password(password)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role_id = await _role_id(transaction, scope, role)
            person_id = await transaction.fetchval(_SQL["ensure_person"], email, name.strip(), hashed)
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
            role_ids = [await _role_id(transaction, scope, role) for role in roles]
            membership = await transaction.fetchval(_SQL["add_member"], scope.id, member.id)
            await transaction.execute(_SQL["take_roles"], scope.id, membership)
            for role_id in role_ids:
                await transaction.execute(_SQL["give_role"], scope.id, membership, role_id)
            await transaction.execute(_SQL["bump_member"], scope.id, membership)
            self._tenancy.audit.note(transaction, scope, actor, "person.set_roles", email, member.roles, list(roles))
        self._standings.forget(scope.id)

    async def set_member_active(self, scope: TenantScope, email: str, active: bool, *, actor: Actor) -> None:
        """End or restore a membership; tokens in use stop working within seconds.

        Raises:
            NotFoundError: no such member.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            if await transaction.fetchval(_SQL["set_member_active"], scope.id, email, active) is None:
                raise NotFoundError("no such member", received=email)
            self._tenancy.audit.note(transaction, scope, actor, "person.set_active", email, after=active)
        self._standings.forget(scope.id)

    async def people(self, scope: TenantScope) -> list[Member]:
        """A tenant's members, by e-mail address."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [Member(**row) for row in await transaction.fetch(_SQL["people_of"], scope.id)]

    async def _member(self, scope: TenantScope, email: str) -> Member:
        for member in await self.people(scope):
            if member.email.lower() == email.lower() and member.active:
                return member
        raise NotFoundError("no such member", received=email)

    async def grant_module_permissions(
        self, scope: TenantScope, module_code: str, permissions: Mapping[str, Sequence[str]], *, actor: Actor
    ) -> None:
        """Hand out the permissions a module brings; may be repeated.

        A permission the tenant has had before is left as its admin arranged it.

        Args:
            scope: the tenant.
            module_code: who brings them.
            permissions: default roles by permission code; the administrator's role always gets it.

        Raises:
            InputError: a code is not `MODULE.ACTION`, or a default role is not one of the tenant's.
        """
        for permission in permissions:
            if not _PERMISSION.fullmatch(permission):
                raise InputError("not a permission code", expected="MODULE.ACTION", received=permission)
        new: list[str] = []
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            for permission, roles in permissions.items():
                for role in roles:
                    await _role_id(transaction, scope, role)
                if await transaction.fetchval(_SQL["new_module_permission"], scope.id, module_code, permission):
                    await transaction.execute(
                        _SQL["grant_to_roles"], scope.id, permission, sorted({*roles, ADMIN_ROLE})
                    )
                    new.append(permission)
            if new:
                await transaction.execute(_SQL["bump_members"], scope.id)
                self._tenancy.audit.note(transaction, scope, actor, "module.grant", module_code, after=new)
        if new:
            self._standings.forget(scope.id)

    async def sign_in(self, slug: str, email: str, password: str) -> str:
        """A token for a member.

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
            await self._tenancy.audit.record(scope, Actor.user(row["email"]), "person.sign_in", row["email"])
            return self._keys.sign(Claims(row["id"], scope.id, scope.slug, row["role_version"]), self._lifetime)
        raise _refused()

    async def _denied(self, scope: TenantScope, email: str, reason: str) -> None:
        claimed = email[:200]
        await self._tenancy.audit.record(
            scope, Actor.user(claimed), "person.sign_in", claimed, None, {"reason": reason}, "denied"
        )

    async def _welcome(self, scope: TenantScope, person_id: UUID, password: str, kept: str) -> None:
        renewed = await hash_password(password) if is_outdated(kept) else None
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["clear_failures"], person_id)
            if renewed is not None:
                await transaction.execute(_SQL["store_hash"], person_id, renewed)

    async def verify(self, token: str) -> Identity:
        """Who a token speaks for, with the permissions of this moment.

        Raises:
            DeniedError: the token is not ours, has expired, or person, membership or tenant are no longer active.
        """
        claims = self._keys.verify(token)
        standing = await self._standings.of(claims.tenant_id, claims.person_id, claims.role_version)
        if standing is None or standing.tenant.slug != claims.slug:
            raise DeniedError("the token is not valid", next_step="sign in again")
        return Identity(claims.person_id, standing.email, standing.name, standing.tenant, standing.permissions)

    def rotate_keys(self) -> None:
        """Sign with a new key from now on; tokens of the one before stay valid until they expire."""
        self._keys.rotate()

    async def authenticate_bridge(self, key: str) -> BridgeIdentity:
        """Who holds a bridge key.

        Raises:
            DeniedError: nobody does, or the tenant is not active.
        """
        return await self._tenancy.bridge_of_key(key)


async def _role_id(transaction: Transaction, scope: TenantScope, role: str) -> UUID:
    found = await transaction.fetchval(_SQL["role_by_code"], scope.id, role)
    if found is None:
        codes = [row["code"] for row in await transaction.fetch(_SQL["role_codes"], scope.id)]
        raise InputError("no such role", expected=", ".join(codes), received=role)
    return found


def _refused() -> DeniedError:
    return DeniedError("sign-in is refused", next_step="check tenant, e-mail address and password, or try again later")
