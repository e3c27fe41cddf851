"""Operations on a tenant in steps, each noted when it is done: after a crash, running again goes on from there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.log import get_logger

_SQL = load_queries("core.tenancy", "steps.sql")
_log = get_logger("tenancy")


class Steps:
    """The steps of one operation on one tenant.

    A step may be cut off after its work and before its note, so every step's work may be repeated.

    Args:
        platform: platform database under row-level security.
        scope: the tenant.
        operation: `create`, `import` or `remove`.
    """

    def __init__(self, platform: Database, scope: TenantScope, operation: str) -> None:
        self._platform = platform
        self._scope = scope
        self._operation = operation

    async def run(self, step: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do a step, unless it is done."""
        if step in await self.done():
            return
        await work()
        async with self._platform.transaction(self._scope.id) as transaction:
            await transaction.execute(_SQL["note_step"], self._scope.id, self._operation, step)
        _log.info("step is done", action=self._operation, tenant=self._scope.slug, step=step)

    async def done(self) -> list[str]:
        """Steps that are done, oldest first."""
        async with self._platform.transaction(self._scope.id, readonly=True) as transaction:
            return [row["step"] for row in await transaction.fetch(_SQL["steps_done"], self._operation)]
