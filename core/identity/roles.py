"""Roles of a tenant and what they may do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from core.audit import Actor
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import InputError
from core.identity.members import roles_of
from core.identity.standing import Standings
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.identity", "roles.sql")
_PERMISSION = re.compile(r"[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*")


class Roles:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, standings: Standings) -> None:
        self._tenancy = tenancy
        self._standings = standings

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
            self._standings.forget(scope.id)
