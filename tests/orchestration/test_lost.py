"""Lost and in flight are told apart: by what the lake has of the lane in which the missing rows travelled."""

from __future__ import annotations

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from assets.partitions import range_tags
from core.contracts.lanes import quarantine_topic
from core.contracts.reading import COUNTS_SCHEMA
from core.errors import TerminalError
from core.eventlog import Outgoing
from ingestion.gateway.promise import Promise
from ingestion.replay.held import Rules
from ingestion.replay.readmit import Selection, plan_replay
from lake.tables import bronze, ops
from orchestration.sensors import JOB
from quality.balance import imbalances
from tests.orchestration.bridge import LIMITS, MAX_BYTES, NOON, Bridge, flow
from tests.orchestration.conftest import UP_TO_SILVER, Plant, registered

ROOMS = UP_TO_SILVER

QUARANTINE = quarantine_topic("waterworks")
NO_COUNTS = pa.RecordBatch.from_pylist([], schema=COUNTS_SCHEMA)


@pytest.fixture
def bridge(plant: Plant) -> Bridge:
    """A bridge of which batches of two, three and two rows have arrived."""
    found = Bridge(plant)
    for numbers in ((0, 1), (2, 3, 4), (5, 6)):
        assert found.send([flow(n) for n in numbers]) is None
    return found


def remove(plant: Plant, predicate: str) -> None:
    """Take rows of this bridge out of bronze, behind everybody's back."""
    table = DeltaTable(plant.lake.location(bronze.READINGS))
    assert table.delete(f"lane = 'bridge/2/readings-live' AND {predicate}")["num_deleted_rows"]


class SlowQuarantine(Bridge):
    """Its log's quarantine topic is read by a sink of its own, which stands still until `catch_up`."""

    def log(self, records: list[Outgoing]) -> None:
        self.unread = [*getattr(self, "unread", []), *(one for one in records if one.topic == QUARANTINE)]
        super().log([one for one in records if one.topic != QUARANTINE])

    def catch_up(self) -> None:
        super().log(self.unread)


def under_way_and_lost(plant: Plant) -> tuple[int, int]:
    """Both, as the books have them."""
    lines = plant.rows(ops.BOOKS)
    return int(lines["in_flight"].sum()), int(lines["lost"].sum())


def test_a_batch_that_bronze_has_no_more_is_lost_and_stops_the_build(bridge: Bridge) -> None:
    plant = bridge.plant
    remove(plant, "seq = 2")
    remove(plant, "seq = 1 AND row_no = 1")
    remove(plant, "seq = 3")  # the last of its lane: more of it may come as long as no other follows
    with pytest.raises(TerminalError, match=r"ops/books\.nothing_is_lost"):
        plant.build()
    assert under_way_and_lost(plant) == (2, 3 + 1)
    judged = plant.rows(ops.CHECK_RESULTS)
    failed = judged.filter(pl.col("status") == "failed").select("table", "check", "severity").rows()
    assert failed == [("ops.books", "nothing_is_lost", "error")]


def test_as_many_doubled_as_lost_on_one_line_do_not_cancel(bridge: Bridge) -> None:
    plant = bridge.plant
    ours = plant.lake.scan(bronze.READINGS).filter(pl.col("lane") == "bridge/2/readings-live").collect()
    remove(plant, "seq = 1")
    twice = ours.filter(pl.col("seq") == 2).head(2)
    plant.lake.append(bronze.READINGS, twice.to_arrow())
    with pytest.raises(TerminalError, match=r"bronze/readings\.keys_are_unique"):
        plant.build()
    # Books that somebody has made all the same tell both.
    keys = ("silver/readings", "silver/events", "silver/quarantine", "ops/signal_reference", "ops/books")
    job = plant.definitions.resolve_job_def(JOB).get_subset(
        asset_selection={dg.AssetKey(key.split("/")) for key in keys}
    )
    tags = range_tags("waterworks", [plant.day(n) for n in range(7)])
    assert not job.execute_in_process(instance=plant.instance, tags=tags, raise_on_error=False).success
    judged = plant.rows(ops.CHECK_RESULTS).filter(pl.col("table") == "ops.books", pl.col("status") == "failed")
    assert set(judged["check"]) == {"nothing_is_lost", "nothing_is_doubled"}
    assert under_way_and_lost(plant) == (0, 2)
    lines = plant.rows(ops.BOOKS).filter(pl.col("doubled") > 0)
    assert lines.select("signal", "hour", "doubled", "superseded", "lost").rows() == [("flow", NOON, 2, 2, 2)]


def test_what_is_lost_at_the_end_of_a_day_shows_when_the_next_one_begins(bridge: Bridge) -> None:
    plant = bridge.plant
    remove(plant, "seq = 3")
    plant.build()
    assert under_way_and_lost(plant) == (2, 0)
    assert bridge.send([flow(6 * 24 * 60)]) is None
    with pytest.raises(TerminalError, match=r"ops/books\.nothing_is_lost"):
        plant.build()
    assert under_way_and_lost(plant) == (0, 2)


def test_what_may_still_come_is_in_flight_and_what_is_in_quarantine_has_arrived(bridge: Bridge) -> None:
    plant = bridge.plant
    assert bridge.send([flow(n) for n in range(10, 13)], max_bytes=10) is not None
    assert bridge.send([flow(20, None, text="nan", quality=0x80000000), flow(21)]) is None
    rules = Rules({"plant": Promise.of(registered().site, registered().contract)}, LIMITS, MAX_BYTES)
    recorded, *rest = plan_replay(plant.lake, Selection(), rules, by="command:test", at=NOON).steps
    assert recorded.rows.num_rows == 3
    # A replay that was killed half-way; then a step of three rows of which the first has arrived.
    assert plant.lake.append_once(recorded.spec, recorded.rows, name="replay", after=recorded.after)
    assert bridge.send([flow(30)], counts=bridge.counts([("flow", NOON)] * 3)) is None
    plant.build()
    assert under_way_and_lost(plant) == (3 + 2, 0)
    for step in rest:
        assert plant.lake.append_once(step.spec, step.rows, name="replay", after=step.after)
    assert bridge.send([flow(31), flow(32)], counts=NO_COUNTS) is None
    plant.build()
    assert under_way_and_lost(plant) == (0, 0)
    assert not any(imbalances(plant.rows(ops.BOOKS)).values())


def test_a_refused_batch_is_in_flight_until_quarantine_has_it_however_far_its_lane_has_gone(plant: Plant) -> None:
    bridge = SlowQuarantine(plant)
    assert bridge.send([flow(0)], counts=bridge.counts([("flow", NOON)] * 3)) is None
    assert bridge.send([flow(1)], counts=NO_COUNTS, max_bytes=10) is not None
    assert bridge.send([flow(2)], counts=NO_COUNTS) is None
    assert bridge.send([flow(3)]) is None
    plant.build()
    assert under_way_and_lost(plant) == (1, 0)
    bridge.catch_up()
    plant.build()
    assert under_way_and_lost(plant) == (0, 0)
    remove(plant, "seq = 3")
    assert bridge.send([flow(4)]) is None
    with pytest.raises(TerminalError, match=r"ops/books\.nothing_is_lost"):
        plant.build()
    assert under_way_and_lost(plant) == (0, 1)
