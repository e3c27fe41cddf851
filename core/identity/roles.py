"""Roles of a tenant and what they may do: flat, so that every grant can be seen; a person has the union of theirs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError
from core.identity.authority import Authority
from core.identity.members import roles_of
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE, PLATFORM_PERMISSIONS

_SQL = load_queries("core.identity", "roles.sql")
_PERMISSION = re.compile(r"[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*")
_PLATFORM = "PLATFORM"
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Role:
    """A role as an administrator sees it; `members` counts the active ones."""

    code: str
    name: str
    built_in: bool
    permissions: list[str]
    members: int


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission of the tenant, who brought it, and which roles grant it."""

    permission: str
    module: str
    roles: list[str]


class Roles:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, changed: Callable[[TenantScope], None]) -> None:
        self._tenancy = tenancy
        self._changed = changed

    async def all(self, scope: TenantScope) -> list[Role]:
        """A tenant's roles, templates first."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [Role(**row) for row in await transaction.fetch(_SQL["all"], scope.id)]

    async def permissions(self, scope: TenantScope) -> list[Permission]:
        """Every permission there is in a tenant and who grants it."""
        roles = await self.all(scope)
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            known = await _known(transaction, scope)
        return [
            Permission(code, module, [role.code for role in roles if code in role.permissions])
            for code, module in sorted(known.items(), key=lambda one: (one[1], one[0]))
        ]

    async def create(self, scope: TenantScope, name: str, permissions: Sequence[str], *, by: Authority) -> str:
        """A role of the tenant's own; returns its code, made from its name.

        Raises:
            InputError: the name cannot be or is taken, or a permission is not known to the tenant.
            DeniedError: a permission that whoever acts does not have.
        """
        code = _code_of(name)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await _check(transaction, scope, permissions)
            by.require_reach(permissions)
            role_id = await transaction.fetchval(_SQL["create"], scope.id, code, name.strip())
            if role_id is None:
                raise InputError("a role of this name is there already", received=code)
            for permission in sorted(set(permissions)):
                await transaction.execute(_SQL["grant"], scope.id, role_id, permission)
            after = {"name": name.strip(), "permissions": sorted(set(permissions))}
            self._tenancy.audit.note(transaction, scope, by.actor, "role.create", code, None, after)
        return code

    async def rename(self, scope: TenantScope, code: str, name: str, *, by: Authority) -> None:
        """Another name for a role of the tenant's own; its code stays.

        Raises:
            NotFoundError: no such role.
            InputError: a template, or no name.
        """
        _code_of(name)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role = await _own(transaction, scope, code, by)
            await transaction.execute(_SQL["rename"], scope.id, role["id"], name.strip())
            self._tenancy.audit.note(transaction, scope, by.actor, "role.rename", code, role["name"], name.strip())

    async def delete(self, scope: TenantScope, code: str, *, by: Authority) -> None:
        """Remove a role of the tenant's own that nobody holds any more.

        Raises:
            NotFoundError: no such role.
            InputError: a template, or somebody holds it.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role = await _own(transaction, scope, code, by)
            holders = await transaction.fetchval(_SQL["holders"], role["id"])
            if holders:
                raise InputError(
                    "the role is in use",
                    expected="one that no person, key, provider or open invitation has",
                    received=f"{holders} holders",
                    where=code,
                    next_step="give them other roles first",
                )
            await transaction.execute(_SQL["delete"], scope.id, role["id"])
            before = {"name": role["name"], "permissions": role["permissions"]}
            self._tenancy.audit.note(transaction, scope, by.actor, "role.delete", code, before)

    async def set_permissions(
        self, scope: TenantScope, code: str, permissions: Sequence[str], *, by: Authority
    ) -> None:
        """Let a role, template or not, do exactly this; tokens in use follow within seconds.

        Raises:
            NotFoundError: no such role.
            InputError: a permission is not known to the tenant, or the administrator's role would lose the platform's.
            DeniedError: a permission is given or taken that whoever acts does not have.
        """
        wanted = set(permissions)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role = await _one(transaction, scope, code)
            had = set(role["permissions"])
            await _check(transaction, scope, permissions)
            by.require_reach(wanted ^ had, admin=code == ADMIN_ROLE)
            lost = sorted(set(PLATFORM_PERMISSIONS) & (had - wanted))
            if code == ADMIN_ROLE and lost:
                raise InputError("the administrator's role keeps what the platform gave it", received=", ".join(lost))
            for permission in sorted(wanted - had):
                await transaction.execute(_SQL["grant"], scope.id, role["id"], permission)
            for permission in sorted(had - wanted):
                await transaction.execute(_SQL["take"], scope.id, role["id"], permission)
            await transaction.execute(_SQL["bump_holders"], scope.id, role["id"])
            self._tenancy.audit.note(
                transaction, scope, by.actor, "role.set_permissions", code, sorted(had), sorted(wanted)
            )
        self._changed(scope)

    async def grant_module_permissions(
        self, scope: TenantScope, module_code: str, permissions: Mapping[str, Sequence[str]], *, actor: Actor
    ) -> None:
        """Hand out the permissions a module brings; may be repeated.

        A permission the tenant has had before is left as its admin arranged it.

        Args:
            scope: the tenant.
            module_code: who brings them.
            permissions: default roles by permission code; the administrator's role always gets it.
            actor: who subscribed the tenant.

        Raises:
            InputError: a code is not `MODULE.ACTION`, or a default role is not one of the tenant's.
        """
        for permission in permissions:
            if not _PERMISSION.fullmatch(permission):
                raise InputError("not a permission code", expected="MODULE.ACTION", received=permission)
        new: list[str] = []
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            for permission, roles in permissions.items():
                if roles:
                    await roles_of(transaction, scope, roles)
                if await transaction.fetchval(_SQL["new_module_permission"], scope.id, module_code, permission):
                    await transaction.execute(
                        _SQL["grant_to_roles"], scope.id, permission, sorted({*roles, ADMIN_ROLE})
                    )
                    new.append(permission)
            if new:
                await transaction.execute(_SQL["bump_members"], scope.id)
                self._tenancy.audit.note(transaction, scope, actor, "module.grant", module_code, after=new)
        if new:
            self._changed(scope)


async def _one(transaction: Transaction, scope: TenantScope, code: str) -> dict[str, Any]:
    role = await transaction.fetchrow(_SQL["one"], scope.id, code)
    if role is None:
        raise NotFoundError("no such role")
    return role


async def _own(transaction: Transaction, scope: TenantScope, code: str, by: Authority) -> dict[str, Any]:
    role = await _one(transaction, scope, code)
    if role["built_in"]:
        raise InputError("a template can be changed, not renamed or removed", received=code)
    by.require_reach(role["permissions"])
    return role


async def _known(transaction: Transaction, scope: TenantScope) -> dict[str, str]:
    rows = await transaction.fetch(_SQL["known_permissions"], scope.id)
    return dict.fromkeys(PLATFORM_PERMISSIONS, _PLATFORM) | {row["permission"]: row["module_code"] for row in rows}


async def _check(transaction: Transaction, scope: TenantScope, permissions: Sequence[str]) -> None:
    unknown = sorted(set(permissions) - set(await _known(transaction, scope)))
    if unknown:
        raise InputError(
            "no module of the tenant brings such a permission",
            received=", ".join(unknown)[:300],
            next_step="see the list of permissions",
        )


def _code_of(name: str) -> str:
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise InputError("a role needs a name", expected=f"1 to {_LONGEST_NAME} characters")
    plain = unicodedata.normalize("NFKD", name.strip().casefold()).encode("ascii", "ignore").decode()
    code = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", code):
        raise InputError("a role's name begins with a letter", received=name[:_LONGEST_NAME])
    return code
