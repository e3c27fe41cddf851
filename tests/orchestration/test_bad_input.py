"""Whatever a bridge or the log brings that cannot be used: a reason in quarantine, a line in the books, no day lost."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest

from core.contracts.batch import BatchHeader, digest, encode_block, pack
from core.contracts.lanes import Lane
from core.contracts.reading import (
    COUNT_COLUMNS,
    COUNTS_SCHEMA,
    Event,
    GapNews,
    Sample,
    events_to_arrow,
    gaps_to_arrow,
    readings_to_arrow,
    to_us,
)
from core.eventlog import Outgoing, Record
from ingestion.gateway.check import RefusedBatchError, check_batch
from ingestion.gateway.promise import Promise
from ingestion.quarantine import accepted, refused
from ingestion.sink.assembly import Assembly
from ingestion.sink.checks import TimeLimits
from ingestion.sink.route import routes_of
from ingestion.sink.writer import Writer
from lake.tables import bronze, ops, silver
from orchestration.bronze_watch import poll_bronze, reach_of
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
            check_batch(header, kind, payload, promise, max_bytes=MAX_BYTES)
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


@pytest.fixture
def bridge(plant: Plant) -> Bridge:
    return Bridge(plant)


def later_version(payload: bytes) -> bytes:
    """The batch as a later version might send it: with a column that is unknown here."""
    (length,) = struct.unpack_from("<I", payload)
    rows = pa.ipc.open_stream(payload[4 : 4 + length]).read_all()
    more = encode_block(rows.append_column("unit", pa.array(["l/min"] * rows.num_rows)).to_batches()[0])
    return struct.pack("<I", len(more)) + more + payload[4 + length :]


def test_every_bad_input_has_a_reason_and_a_line_and_the_books_balance(bridge: Bridge) -> None:
    ahead, early = datetime.now(UTC) + timedelta(minutes=11), datetime(1969, 12, 31, 23, tzinfo=UTC)
    far, old = datetime(2100, 1, 1, tzinfo=UTC), datetime(2014, 3, 4, 5, tzinfo=UTC)
    assert bridge.send([flow(0), flow(1)]) is None
    strange = [flow(n, signal=f"secret_{n}") for n in range(1000)]
    reasons = {
        "malformed": bridge.send([flow(2)], spoil=lambda _: b"PAR1 is no batch"),
        "oversized": bridge.send([flow(n / 100, random.uniform(0, 100)) for n in range(20_000)]),
        "unknown signals": bridge.send(strange),
        "foreign site": bridge.send([flow(8)], rows=readings_to_arrow("other", [flow(8)])),
        "later contract": bridge.send([flow(9)], contract_sha256="f" * 64, contract_version="9.0.0"),
        "later version": bridge.send([flow(10), flow(11)], spoil=later_version),
    }
    assert None not in reasons.values()
    assert bridge.send([flow(12, None, text="nan", quality=0x80000000), flow(13, float("inf")), flow(14)]) is None
    assert bridge.send([flow(0, ts_us=to_us(ts)) for ts in (ahead, early, far)]) is None
    assert bridge.send([flow(0, ts_us=to_us(old))]) is None
    event = Event("e", "pump-1", to_us(early), "DRY", 95, "raised", "Dry.")
    rule = bridge.counts([("rule:dry", early)], "rules")
    assert bridge.send([], rows=events_to_arrow("plant", [event]), lane="faults-live") is None
    assert bridge.send([], counts=rule) is None
    notice = GapNews("pump-1", to_us(early), to_us(NOON), "bridge_down", "found")
    assert bridge.send([], rows=gaps_to_arrow("plant", [notice]), lane="status-live") is None

    apart = bridge.apart()
    assert set(apart["contract_version"]) == {"1.0.0", "9.0.0"}
    assert apart.filter(pl.col("reason") == reasons["unknown signals"]).height == 1000
    kept = apart.filter(pl.col("payload").is_not_null())["payload"].to_list()
    assert len(kept) == len(reasons)
    bridge.plant.build()
    books = bridge.books()
    assert {name: line[2] for name, line in books.items() if name.startswith("secret_")} == {
        f"secret_{n}": 1 for n in range(1000)
    }
    oversized, site, contract, version, numbers, times = 20_000, 1, 1, 2, 2, 3
    assert books["flow"][2] == oversized + site + contract + version + numbers + times
    assert books["lane:bridge/2/readings-live"] == (1, 0, 1)
    assert books["rule:dry"] == (1, 0, 1)
    assert books["gap:bridge_down"] == (1, 0, 1)
    lines = bridge.plant.rows(ops.BOOKS)
    ours = lines.filter(pl.col("signal") == "flow", pl.col("quarantined") > 0)
    by_hour = dict(ours.select("hour", "date").iter_rows())
    assert by_hour[early] == by_hour[far] == date(2000, 1, 1)
    assert bridge.plant.rows(silver.READINGS).filter(pl.col("ts") == old).select("late", "value").rows() == [
        (False, 50.0)
    ]


def test_what_is_kept_apart_rebuilds_the_books_of_the_days_it_is_about_and_nothing_else(bridge: Bridge) -> None:
    plant = bridge.plant
    graph = plant.definitions.resolve_asset_graph()
    seen = poll_bronze(plant.lake_resource, plant.tenants, reach_of(graph), {}).versions
    refusal = bridge.send([flow(0, signal="secret"), flow(2 * 24 * 60, signal="secret")])
    assert refusal is not None
    notice = GapNews("pump-1", to_us(NOON - timedelta(days=1)), to_us(NOON), "bridge_down", "found")
    assert bridge.send([], rows=gaps_to_arrow("plant", [notice]), lane="status-live") is None
    rebuilds = poll_bronze(plant.lake_resource, plant.tenants, reach_of(graph), seen).rebuilds
    about = {
        one.days[0]: {"/".join(key) for key in one.keys}
        for one in rebuilds
        if "ops/gaps" not in map("/".join, one.keys)
    }
    assert all(one.days[0] == one.days[1] for one in rebuilds)
    assert set(about) == {plant.day(2), plant.day(4)}
    assert [one.days[0] for one in rebuilds if [*map("/".join, one.keys)] == ["ops/gaps"]] == [plant.day(1)]
