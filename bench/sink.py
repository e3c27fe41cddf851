"""The sink, log to committed Delta rows, against the barest loop that does the same without any promise.

The loop reads the same topic, decodes, adds the same columns and calls `write_deltalake` with the same commit size; it
checks nothing, remembers nothing, and doubles rows when it is started twice. Both write local Delta tables anew in each
round, in turn. On the PostgreSQL log, and on Apache Kafka where Java and Maven are.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from bench.claim import Claim, paired
from bench.logs import addresses, opened
from core.contracts.batch import BatchHeader, digest, pack, unpack
from core.contracts.lanes import topics_of
from core.contracts.reading import Sample, readings_to_arrow, to_us
from core.errors import TerminalError
from core.eventlog import EventLog, Record, Shares
from core.eventlog.postgres import PostgresLog
from core.log import configure
from core.settings import SinkSettings
from ingestion.quarantine import accepted, lane_of
from ingestion.sink.checks import TimeLimits
from ingestion.sink.job import Job
from ingestion.sink.route import routes_of
from ingestion.sink.service import sink_topic
from lake.store import Lake
from lake.tables.bronze import READINGS

TARGET = 1.25
LANES, BATCHES, BATCH_ROWS, COMMIT_ROWS, PAIRS = 6, 100, 1_000, 100_000, 5
TENANT = "bench-co"
ROUTE = routes_of(TENANT)[0]
_START = datetime(2026, 1, 1, tzinfo=UTC)


def batches(lane: int) -> list[tuple[BatchHeader, bytes]]:
    """What one bridge sends: a thousand readings of twenty machines a batch, one a second and signal."""
    noise = np.random.default_rng(lane)
    made: list[tuple[BatchHeader, bytes]] = []
    for seq in range(1, BATCHES + 1):
        values = noise.normal(50, 5, BATCH_ROWS).round(3)
        first = to_us(_START) + seq * 10_000_000
        samples = [
            Sample(f"pump-{n % 20:03d}", f"signal_{n // 20 % 5}", first + n // 100 * 1_000_000, float(value), None, 0)
            for n, value in enumerate(values)
        ]
        payload = pack(readings_to_arrow(f"site-{lane}", samples), None)
        header = BatchHeader(
            bridge=f"bridge-{lane}",
            incarnation="a1",
            site=f"site-{lane}",
            lane="readings-live",
            seq=seq,
            rows=BATCH_ROWS,
            contract_id="bench",
            contract_version="1.0.0",
            contract_sha256="",
            payload_sha256=digest(payload),
        )
        made.append((replace(header, tenant=TENANT, received_at=datetime.now(UTC).isoformat()), payload))
    return made


async def fill(log: EventLog) -> None:
    """Put every lane's batches into the log, accepted as by the gateway."""
    await log.ensure_topics(topics_of(TENANT))
    for lane in range(LANES):
        await log.append_many([accepted(header, payload) for header, payload in batches(lane)])


async def drain(log: EventLog, folder: Path, commit_rows: int = COMMIT_ROWS) -> None:
    """Sink what the log holds now, as the service does."""
    settings = SinkSettings(commit_rows=commit_rows)
    job = Job(TENANT, ROUTE, log, Lake(str(folder)).tenant(TENANT), TimeLimits(0, 10**15), settings)
    stop = asyncio.Event()
    stop.set()  # what the log holds now is drained, and that is all there is
    whole = frozenset(range(await log.partitions(ROUTE.topic)))
    await sink_topic(job, stop, Shares({ROUTE.topic: whole}))


async def _bare(log: EventLog, folder: Path) -> None:
    waiting: list[pa.Table] = []
    for partition in range(await log.partitions(ROUTE.topic)):
        position, end = 0, await log.end_offset(ROUTE.topic, partition)
        while position < end:
            for record in await log.read(ROUTE.topic, partition, position, max_records=50):
                waiting.append(_decoded(record))
                position = record.offset + 1
                if len(waiting) * BATCH_ROWS >= COMMIT_ROWS:
                    _write(folder, waiting)
    if waiting:
        _write(folder, waiting)


def _decoded(record: Record) -> pa.Table:
    header = BatchHeader.from_headers(record.headers)
    rows, _ = unpack(record.value)
    size = rows.num_rows
    columns = {
        "lane": pa.repeat(lane_of(header), size),
        "seq": pa.repeat(header.seq, size),
        "row_no": pa.array(np.arange(size, dtype=np.int32)),
        "contract_version": pa.repeat(header.contract_version, size),
        "received_at": pa.repeat(datetime.fromisoformat(header.received_at), size),
        "date": rows.column("ts").cast(pa.date32(), safe=False),
    }
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows.cast(READINGS.schema)


def _write(folder: Path, waiting: list[pa.Table]) -> None:
    write_deltalake(folder, pa.concat_tables(waiting), mode="append", partition_by=["date"])
    waiting.clear()


def _compare(name: str, log: EventLog, loop: asyncio.AbstractEventLoop, folder: Path) -> Claim:
    rounds: list[Path] = []

    def anew(work: Callable[[EventLog, Path], Coroutine[object, object, None]]) -> Callable[[], object]:
        def one() -> None:
            rounds.append(folder / f"{name}-{len(rounds)}")
            loop.run_until_complete(work(log, rounds[-1]))

        return one

    claim = paired(f"sink {name}", anew(drain), anew(_bare), target=TARGET, pairs=PAIRS)
    for path in rounds:
        tables = [str(log.parent) for log in path.glob("**/_delta_log")]
        written = sum(DeltaTable(table).count() for table in tables)
        if written != LANES * BATCHES * BATCH_ROWS:
            raise TerminalError("a round did not write every row", received=written, where=str(path))
    return claim


def claims() -> list[dict[str, object]]:
    """Seconds for the whole topic, ours and bare."""
    configure("warning")
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    print(
        f"sink: {LANES * BATCHES * BATCH_ROWS:,} readings in batches of {BATCH_ROWS:,} on {LANES} lanes, commits of "
        f"{COMMIT_ROWS:,} rows, {PAIRS} pairs; both sides: same topic and columns, local Delta partitioned by date"
    )
    found: list[Claim] = []
    try:
        with addresses(folder) as logs, asyncio.Runner() as runner:
            for kind, address in logs:
                opening = opened(kind, address)
                log = runner.run(opening.__aenter__())
                if isinstance(log, PostgresLog):
                    log.needs_trim = False  # all rounds read the same records
                try:
                    runner.run(fill(log))
                    found.append(_compare(kind, log, runner.get_loop(), folder))
                finally:
                    runner.run(opening.__aexit__(None, None, None))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [claim.as_dict() for claim in found]
