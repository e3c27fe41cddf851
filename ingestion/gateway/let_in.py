"""Whether a batch that would be refused now was let in before: its acknowledgement was lost, and a rule changed since.

Refusing it would put it into quarantine beside itself in bronze. Whatever was let in is in the log until the sink has
it in the lake, so whoever looks into the log first and into the lake after that overlooks nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.contracts.batch import BatchHeader, MalformedBatchError
from core.contracts.lanes import REFUSED
from core.eventlog import EventLog, Outgoing, Record, partition_of
from ingestion.quarantine import accepted

if TYPE_CHECKING:
    from ingestion.sink.route import Route
    from lake.store import Lake, TenantLake

_AT_ONCE = 50
_WAIT_S = 0.1
_SILENCE = 10
"""Reads without an answer after which nothing is left: what lies before the end was trimmed or has expired."""


class LetIn:
    """Asks log and lake; needed only for what is about to be refused.

    Args:
        log: the event log.
        lake: opens the lake; not called before it is needed.
    """

    def __init__(self, log: EventLog, lake: Callable[[], Lake]) -> None:
        self._log = log
        self._lake = lake
        self._alone = asyncio.Lock()  # a partition has one reader at a time

    async def __call__(self, header: BatchHeader, payload: bytes) -> bool:
        """True if this very batch is on its way or in bronze.

        Raises:
            TransientError: log or lake do not answer.
        """
        from ingestion.sink.route import routes_of

        record = accepted(header, payload)
        route = next(one for one in routes_of(header.tenant) if one.topic == record.topic)
        async with self._alone:
            tables = (await asyncio.to_thread(self._lake)).tenant(header.tenant)
            return await self._on_its_way(record, header, route, tables) or await asyncio.to_thread(
                _in_bronze, record, route, tables
            )

    async def _on_its_way(self, record: Outgoing, header: BatchHeader, route: Route, tables: TenantLake) -> bool:
        from ingestion.sink.plan import offset_id

        partition = partition_of(record.key, await self._log.partitions(record.topic))
        place = (record.topic, partition)
        known = await asyncio.to_thread(
            tables.transaction_version, route.main, offset_id(self._log.id, record.topic, partition)
        )
        end, offset, silence = await self._log.end_offset(*place), known or 0, 0
        while offset < end and silence < _SILENCE:
            records = await self._log.read(*place, offset, max_records=_AT_ONCE, wait_s=_WAIT_S)
            if any(one.key == record.key and _same(one, header) for one in records):
                return True
            offset = records[-1].offset + 1 if records else offset
            silence = 0 if records else silence + 1
        return False


def _same(record: Record, header: BatchHeader) -> bool:
    try:
        told = BatchHeader.from_headers(record.headers)
    except MalformedBatchError:
        return False
    return (told.seq, told.payload_sha256, told.tombstone) == (header.seq, header.payload_sha256, False)


def _in_bronze(record: Outgoing, route: Route, tables: TenantLake) -> bool:
    import polars as pl

    from ingestion.sink.writer import others
    from lake.tables.bronze import QUARANTINE

    batch = route.decode(Record(record.topic, 0, 0, record.key, record.value, record.headers))
    last = tables.transaction_version(route.main, batch.lane) or 0
    # What cannot be read was never let in.
    if batch.rows is None or batch.seq > last or others(tables, route, [batch]):
        return False
    # What was refused before is refused again: its bridge has to hear it, and quarantine has it once.
    mine = (pl.col("lane") == f"{REFUSED}{batch.lane}") & (pl.col("seq") == batch.seq)
    return tables.scan(QUARANTINE).filter(mine).select("seq").head(1).collect().is_empty()
