"""Keeping the files of bronze few: the sink writes many small ones, so the sink brings them together."""

from __future__ import annotations

import asyncio

from core.errors import GoldlayerError
from core.eventlog import Shares
from core.log import get_logger
from core.settings import SinkSettings
from ingestion.sink.round import to_the_end
from ingestion.sink.route import routes_of
from lake.compaction import compact
from lake.store import TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, EVENTS, GAPS, QUARANTINE, READINGS

_TABLES = (READINGS, EVENTS, GAPS, BRIDGE_COUNTS, QUARANTINE)
_log = get_logger("sink")


async def keep_compact(
    tenant: str, lake: TenantLake, shares: Shares, settings: SinkSettings, stop: asyncio.Event
) -> None:
    """Look at a tenant's tables now and then until `stop`; the member that has the first partition does it.

    Two that both believe to have it cost one of them its work, and no row.
    """
    first = routes_of(tenant)[0].topic
    while not stop.is_set():
        try:
            async with asyncio.timeout(settings.compact_interval_s):
                await stop.wait()
        except TimeoutError:
            if 0 in (shares.of(first) or ()):
                await _compact(tenant, lake, settings.compact_files)


async def _compact(tenant: str, lake: TenantLake, at_least: int) -> None:
    for spec in _TABLES:
        try:
            await to_the_end(compact, lake, spec, at_least=at_least)
        except GoldlayerError as error:
            _log.warning("table is not compacted", action="compact", tenant=tenant, error=str(error))
