"""A bridge, its gateway and the sink in one process, over the plant of this folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pyarrow as pa

from core.contracts.batch import BatchHeader, digest, pack
from core.contracts.lanes import Lane
from core.contracts.reading import (
    COUNT_COLUMNS,
    COUNTS_SCHEMA,
    Sample,
    readings_to_arrow,
    to_us,
)
from core.eventlog import Outgoing, Record
from ingestion.gateway.check import RefusedBatchError, check_batch
from ingestion.gateway.promise import Promise
from ingestion.quarantine import accepted, refused
from ingestion.sink.assembly import Assembly, Verdict
from ingestion.sink.checks import TimeLimits
from ingestion.sink.reused import kept_apart
from ingestion.sink.route import routes_of
from ingestion.sink.writer import Writer
from lake.tables import bronze, ops
from quality.balance import imbalances
from tests.orchestration.conftest import Plant, registered

LIMITS = TimeLimits.of(date(2000, 1, 1), 600)
NOON = datetime(2024, 3, 6, 12, tzinfo=UTC)
MAX_BYTES = 50_000


@dataclass
class Bridge:
    """A bridge, its gateway and the sink, without sockets: every batch takes the checks that a real one takes."""

    plant: Plant
    seq: int = 0
    offset: int = 0

    def counts(self, rows: list[tuple[str, datetime]], term: str = "forwarded") -> pa.RecordBatch:
        """The books of a batch: how many rows of each signal, hour by hour."""
        told = Counter((signal, ts.replace(minute=0, second=0, microsecond=0)) for signal, ts in rows)
        terms = ("read", "contracted", "forwarded") if term == "forwarded" else (term,)
        lines = [
            dict.fromkeys(COUNT_COLUMNS, 0)
            | dict.fromkeys(terms, n)
            | {"site": "plant", "equipment_id": "pump-1", "signal": signal, "hour": hour}
            for (signal, hour), n in told.items()
        ]
        return pa.RecordBatch.from_pylist(lines, schema=COUNTS_SCHEMA)

    def send(
        self,
        samples: list[Sample],
        *,
        lane: str = "readings-live",
        rows: pa.RecordBatch | None = None,
        counts: pa.RecordBatch | None = None,
        spoil: Callable[[bytes], bytes] = lambda payload: payload,
        received: datetime | None = None,
        max_bytes: int = MAX_BYTES,
        **changes: object,
    ) -> str | None:
        """Send one batch; returns why the gateway refused it, if it did."""
        contract = registered().contract
        self.seq += 1
        block = readings_to_arrow("plant", samples) if rows is None else rows
        if counts is None and samples:
            counts = self.counts([(one.signal, _at(one)) for one in samples])
        payload = spoil(pack(block, counts))
        header = BatchHeader(
            bridge="bridge",
            incarnation="2",
            site="plant",
            lane=lane,
            seq=self.seq,
            rows=block.num_rows,
            contract_id=contract.id,
            contract_version=contract.version,
            contract_sha256=contract.sha256,
            payload_sha256=digest(payload),
        )
        header = replace(header, **changes)
        stamp = (received or datetime.now(UTC)).isoformat()
        header = replace(header, tenant="waterworks", received_at=stamp)
        known = header.contract_sha256 == contract.sha256
        promise = Promise.of(registered().site, contract) if known else None
        kind = Lane.parse(header.lane).kind
        try:
            check_batch(header, kind, payload, promise, max_bytes=max_bytes)
        except RefusedBatchError as error:
            self.log(refused(header, payload, str(error)))
            return str(error)
        self.log([accepted(header, payload)])
        return None

    def log(self, records: list[Outgoing]) -> None:
        """Records as they lie in the log, taken by the sink at once."""
        for route in routes_of("waterworks"):
            writer = Writer(self.plant.lake, route, "memory", LIMITS)
            assembly = Assembly(resume={0: 0}, gapless=False)
            for one in (record for record in records if record.topic == route.topic):
                self.offset += 1
                batch = route.decode(Record(one.topic, 0, self.offset, one.key, one.value, one.headers))
                assembly.last.update(writer.last([batch.lane]))
                if assembly.judge(batch) is Verdict.UNKNOWN and writer.others([batch]):
                    batch = kept_apart(batch, one.value)
                    assembly.last.update(writer.last([batch.lane]))
                assembly.offer(batch)
            if assembly.has_news:
                writer.commit(writer.plan(assembly.take()))

    def apart(self) -> pl.DataFrame:
        """What stands in quarantine."""
        return self.plant.lake.scan(bronze.QUARANTINE).collect()

    def books(self) -> dict[str, tuple[int, int, int]]:
        """Sent, bronze and quarantined of the lines with something in quarantine, by signal."""
        lines = self.plant.rows(ops.BOOKS)
        assert set(imbalances(lines).values()) == {0}
        assert set(lines["in_flight"]) == {0}
        held = (
            lines.filter(pl.col("quarantined") > 0)
            .group_by("signal")
            .agg(pl.col("sent", "bronze", "quarantined").sum())
        )
        return {signal: (sent, kept, apart) for signal, sent, kept, apart in held.iter_rows()}


def _at(sample: Sample) -> datetime:
    return datetime.fromtimestamp(sample.ts_us / 1e6, tz=UTC)


def flow(number: int, value: float | None = 50.0, **changes: object) -> Sample:
    """A sample of pump-1, minutes after noon of Wednesday."""
    plain = Sample("pump-1", "flow", to_us(NOON + timedelta(minutes=number, seconds=1)), value, None, 0)
    return plain._replace(**changes)
