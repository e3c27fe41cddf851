"""How far the lake is behind the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from core.errors import NotFoundError
from core.eventlog import EventLog
from ingestion.sink.plan import offset_id
from ingestion.sink.route import routes_of
from lake.store import Lake


async def lag(log: EventLog, lake: Lake, tenants: Iterable[str]) -> dict[str, int]:
    """Records of the log that are not in the lake yet, by tenant; 0 for one whose topics do not exist.

    Args:
        log: the event log.
        lake: the lake.
        tenants: slugs.
    """
    return {slug: await _behind(log, lake, slug) for slug in tenants}


async def _behind(log: EventLog, lake: Lake, slug: str) -> int:
    tables = lake.tenant(slug)
    waiting = 0
    for route in routes_of(slug):
        try:
            count = await log.partitions(route.topic)
        except NotFoundError:
            continue
        for partition in range(count):
            end = await log.end_offset(route.topic, partition)
            name = offset_id(log.id, route.topic, partition)
            done = await asyncio.to_thread(tables.transaction_version, route.main, name) or 0
            waiting += max(0, end - done)
    return waiting
