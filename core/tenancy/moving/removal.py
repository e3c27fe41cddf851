"""Removal: everything held of a tenant, for good."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from core.audit import Actor
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import NotFoundError
from core.tenancy.moving.holding import Holdings
from core.tenancy.moving.passages import Passages
from core.tenancy.steps import Steps
from core.tenancy.tenancy import Tenancy

_SQL = load_queries("core.tenancy.moving", "passages.sql")
_OPERATION, _SHUT = "remove", "shut"
VACANT = "vacant"
"""Step of an import: nothing was in its way, so everything that is there now is the import's own."""


class Removal:
    """Removes tenants.

    Args:
        tenancy: the registry.
        holdings: everything that is held of a tenant.
        let_go_s: how long the parts of the installation may take to see that a tenant goes: gateway and sink look
            every second.
    """

    def __init__(self, tenancy: Tenancy, holdings: Holdings, *, let_go_s: float = 3.0) -> None:
        self._tenancy = tenancy
        self._holdings = holdings
        self._let_go_s = let_go_s
        self._passages = Passages(tenancy)

    async def remove(self, slug: str, *, actor: Actor) -> TenantScope:
        """Remove a tenant and everything held of it, for good; only its audit chain stays.

        A removal that was cut off, at any step, is gone on with. Of an import that was cut off, the half is removed.

        Raises:
            NotFoundError: there is no tenant of that slug.
        """
        async with self._passages.alone(slug):
            known = await self._tenancy.in_any_state(slug)
            if known is None:
                raise NotFoundError("no such tenant", received=slug, next_step="platform tenants list")
            scope, status = known
            if status == "importing":
                await undo_import(self._tenancy, self._holdings, scope, actor)
                return scope
            steps = Steps(self._tenancy.platform, scope, _OPERATION)
            await steps.run(_SHUT, lambda: self._passages.begin_removal(scope, status, actor))
            await asyncio.sleep(await self._still_to_wait(scope))
            await clear(self._tenancy, self._holdings, scope, steps)
            # Once more: a part that was late may have written behind us.
            await clear(self._tenancy, self._holdings, scope, None)
            await self._passages.finish_removal(scope, actor)
        return scope

    async def _still_to_wait(self, scope: TenantScope) -> float:
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            shut_at: datetime = await transaction.fetchval(_SQL["shut_at"], _OPERATION, _SHUT)
        return max(0.0, self._let_go_s - (datetime.now(UTC) - shut_at).total_seconds())


async def clear(tenancy: Tenancy, holdings: Holdings, scope: TenantScope, steps: Steps | None) -> None:
    """Remove everything held; `steps` notes how far it came, and passes over what is done."""
    await tenancy.forget(scope)
    for holding in holdings.away:
        if steps is None:
            await holding.remove(scope)
        else:
            await steps.run(holding.name, lambda holding=holding: holding.remove(scope))


async def undo_import(tenancy: Tenancy, holdings: Holdings, scope: TenantScope, actor: Actor) -> None:
    """Remove what an import made, and nothing that was there before it."""
    if VACANT in await Steps(tenancy.platform, scope, "import").done():
        await clear(tenancy, holdings, scope, None)
    await Passages(tenancy).abandon_import(scope, actor)
