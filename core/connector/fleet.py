"""The tables of many tenants at once: migrated and looked after side by side, one that fails never in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.audit import Actor
from core.connector.connector import connector_for
from core.connector.tables.ledger import Standing, all_standing
from core.connector.tables.module import ModuleTables
from core.connector.tables.partitions import Maintained, maintain
from core.db import TenantScope
from core.errors import GoldlayerError, TransientError
from core.log import get_logger
from core.tenancy import Tenancy

_log = get_logger("connector")
_PAUSES_S = (0.5, 2.0)
"""Waits before another try of what may succeed later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one module's tables in one tenant's database.

    Attributes:
        schema: the module's; None if the tenant's database was not reached at all.
        said: what was done, in words; None if there was nothing to do.
        error: why it was not done; None if it was.
    """

    tenant: str
    schema: str | None
    said: str | None = None
    error: str | None = None


_Answer = TypeVar("_Answer")
_Work = Callable[[TenantScope, Standing], Awaitable[str | None]]


async def migrate_tenants(
    tenancy: Tenancy,
    scopes: Sequence[TenantScope],
    modules: Sequence[ModuleTables],
    *,
    actor: Actor,
    allow_destructive: bool,
    parallel: int,
    tell: Callable[[TenantScope], None],
    arrived: Callable[[TenantScope, str, str], Awaitable[None]],
) -> list[Outcome]:
    """Bring the modules' tables of many tenants to the modules' versions; where a module has no tables, none are made.

    Args:
        tenancy: the registry.
        scopes: whose tables.
        modules: which modules, at their newest.
        actor: for the audit log of each tenant whose tables changed.
        allow_destructive: steps that lose values may run.
        parallel: tenants at work at once.
        tell: called after each tenant.
        arrived: told a tenant, a schema and the version its tables have now, also where they had it before, so that
            what was cut off in between is made good.
    """
    newest = {module.schema: module for module in modules}

    async def migrate(scope: TenantScope, standing: Standing) -> str | None:
        module = newest.get(standing.schema)
        if module is None or standing.version is None:
            return None
        connector = await connector_for(tenancy, scope, schema=module.schema)
        done = await connector.migrate(
            module.tables, module.migrations, module.version, allow_destructive=allow_destructive
        )
        if done.before != done.after or done.steps:
            after = {"version": done.after, "steps": list(done.steps)}
            await tenancy.audit.record(scope, actor, "module.migrate", module.schema, {"version": done.before}, after)
        await arrived(scope, module.schema, done.after)
        if done.before == done.after and not done.steps:
            return None
        return f"{done.before} to {done.after}, {len(done.steps)} steps"

    return await _everywhere(tenancy, scopes, migrate, parallel, tell)


async def maintain_tenants(
    tenancy: Tenancy, scopes: Sequence[TenantScope], *, parallel: int, tell: Callable[[TenantScope], None]
) -> list[Outcome]:
    """Make partitions ahead and drop those beyond their retention, of every module's tables as they are recorded.

    Args:
        tenancy: the registry.
        scopes: whose tables.
        parallel: tenants at work at once.
        tell: called after each tenant.
    """

    async def look_after(scope: TenantScope, standing: Standing) -> str | None:
        database = await tenancy.database(scope)
        async with database.transaction() as transaction:
            done = await maintain(transaction, standing.schema, standing.tables)
        return _in_words(done) if done != Maintained() else None

    return await _everywhere(tenancy, scopes, look_after, parallel, tell)


def _in_words(done: Maintained) -> str:
    counts = {"made": len(done.made), "dropped": len(done.dropped), "rows moved": done.moved, "expired": done.expired}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


async def _everywhere(
    tenancy: Tenancy, scopes: Sequence[TenantScope], work: _Work, parallel: int, tell: Callable[[TenantScope], None]
) -> list[Outcome]:
    places = asyncio.Semaphore(parallel)

    async def one(scope: TenantScope) -> list[Outcome]:
        async with places:
            outcomes = await _in_tenant(tenancy, scope, work)
        tell(scope)
        return outcomes

    return [outcome for several in await asyncio.gather(*map(one, scopes)) for outcome in several]


async def _in_tenant(tenancy: Tenancy, scope: TenantScope, work: _Work) -> list[Outcome]:
    async def standing() -> list[Standing]:
        async with (await tenancy.database(scope)).transaction(readonly=True) as transaction:
            return await all_standing(transaction)

    try:
        found = await _patiently(standing)
    except Exception as error:
        return [Outcome(scope.slug, None, error=_reason(scope, None, error))]
    outcomes: list[Outcome] = []
    for each in found:
        try:
            said = await _patiently(lambda each=each: work(scope, each))
            outcomes += [Outcome(scope.slug, each.schema, said)] if said else []
        except Exception as error:
            outcomes.append(Outcome(scope.slug, each.schema, error=_reason(scope, each.schema, error)))
    return outcomes


def _reason(scope: TenantScope, schema: str | None, error: Exception) -> str:
    """What the report says of a failure; one nobody expected goes to the log with its traceback."""
    if isinstance(error, GoldlayerError):
        return str(error)
    _log.error("work on a tenant's tables failed", action="tables", tenant=scope.slug, schema=schema, exc_info=error)
    return f"unexpected {type(error).__name__}: {error}"


async def _patiently(work: Callable[[], Awaitable[_Answer]]) -> _Answer:
    for pause in _PAUSES_S:
        try:
            return await work()
        except TransientError:
            await asyncio.sleep(pause)
    return await work()
