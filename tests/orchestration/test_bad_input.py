"""Whatever a bridge or the log brings that cannot be used: a reason in quarantine, a line in the books, no day lost."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest

from core.contracts.batch import BatchHeader, digest, encode_block, pack
from core.contracts.reading import (
    ALL_OF_SITE,
    LINK_DOWN,
    Event,
    GapNews,
    events_to_arrow,
    gaps_to_arrow,
    readings_to_arrow,
    to_us,
)
from core.eventlog import Outgoing
from ingestion.gateway.promise import Promise
from ingestion.quarantine import accepted
from ingestion.replay.held import Rules
from ingestion.replay.readmit import Selection, replay
from ingestion.sink.reused import REASON
from lake.tables import bronze, ops, silver
from orchestration.bronze_watch import poll_bronze, reach_of
from tests.orchestration.bridge import LIMITS, MAX_BYTES, NOON, Bridge, flow
from tests.orchestration.conftest import UP_TO_SILVER, Plant, registered

ROOMS = UP_TO_SILVER

LANE = "bridge/2/readings-live"
REFUSED = f"refused/{LANE}"


@pytest.fixture
def bridge(plant: Plant) -> Bridge:
    return Bridge(plant)


def later_version(payload: bytes) -> bytes:
    """The batch as a later version might send it: with a column that is unknown here."""
    (length,) = struct.unpack_from("<I", payload)
    rows = pa.ipc.open_stream(payload[4 : 4 + length]).read_all()
    more = encode_block(rows.append_column("unit", pa.array(["l/min"] * rows.num_rows)).to_batches()[0])
    return struct.pack("<I", len(more)) + more + payload[4 + length :]


def misled(bridge: Bridge) -> Outgoing:
    """A batch of another tenant in this one's topic."""
    rows = readings_to_arrow("plant", [flow(20)])
    payload = pack(rows, None)
    header = BatchHeader(
        "their-bridge", "1", "plant", "readings-live", 1, 1, "theirs", "1.0.0", "0" * 64, digest(payload),
        tenant="neighbours", received_at=datetime.now(UTC).isoformat(),
    )  # fmt: skip
    return replace(accepted(header, payload), topic="waterworks.scada.readings")


@pytest.mark.long
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
    cut = GapNews(ALL_OF_SITE, to_us(NOON), to_us(NOON + timedelta(minutes=5)), LINK_DOWN, "found")
    assert bridge.send([], rows=gaps_to_arrow("plant", [cut]), lane="status-live") is None
    bridge.log([Outgoing("waterworks.scada.readings", b"stray", b"no batch at all", []), misled(bridge)])

    apart = bridge.apart()
    assert set(apart["contract_version"]) == {"1.0.0", "9.0.0", None}
    assert apart.filter(pl.col("reason") == reasons["unknown signals"]).height == 1000
    kept = apart.filter(pl.col("payload").is_not_null())["payload"].to_list()
    assert len(kept) == len(reasons) + 2
    assert "record is of another tenant" in set(apart["reason"])
    bridge.plant.build()
    books = bridge.books()
    assert {name: line[2] for name, line in books.items() if name.startswith("secret_")} == {
        f"secret_{n}": 1 for n in range(1000)
    }
    oversized, site, contract, version, numbers, times = 20_000, 1, 1, 2, 2, 3
    assert books["flow"][2] == oversized + site + contract + version + numbers + times
    assert books["lane:refused/bridge/2/readings-live"] == (1, 0, 1)
    assert books["lane:stray/waterworks.scada.readings/0"] == (2, 0, 2)
    assert books["rule:dry"] == (1, 0, 1)
    assert books["gap:bridge_down"] == (1, 0, 1)
    gaps = bridge.plant.rows(ops.GAPS).select("equipment_id", "reason", "duration_s").rows()
    assert gaps == [(ALL_OF_SITE, LINK_DOWN, 300.0)]
    judged = bridge.plant.rows(ops.CHECK_RESULTS).filter(pl.col("check") == "everything_was_read")
    assert set(judged["status"]) == {"passed"}  # what was only late is not missing
    lines = bridge.plant.rows(ops.BOOKS)
    ours = lines.filter(pl.col("signal") == "flow", pl.col("quarantined") > 0)
    by_hour = dict(ours.select("hour", "date").iter_rows())
    assert by_hour[early] == by_hour[far] == date(2000, 1, 1)
    assert bridge.plant.rows(silver.READINGS).filter(pl.col("ts") == old).select("late", "value").rows() == [
        (False, 50.0)
    ]


@pytest.mark.long
def test_what_is_ten_years_old_is_late_only_where_its_day_was_built(bridge: Bridge) -> None:
    old, silent = datetime(2014, 3, 4, 5, tzinfo=UTC), datetime(2014, 3, 6, 5, tzinfo=UTC)
    event = Event("e", "pump-1", to_us(silent), "DRY", 95, "raised", "Dry.")
    bridge.send([flow(0, ts_us=to_us(old))])
    bridge.send([], rows=events_to_arrow("plant", [event]), lane="faults-live")
    bridge.send([], counts=bridge.counts([("rule:dry", silent)], "rules"))
    bridge.plant.build()
    # Again on that day, on the day after that nobody built, and on one that was built and held no reading.
    times = [old + timedelta(minutes=1), old + timedelta(days=1), silent]
    bridge.send([flow(0, ts_us=to_us(ts)) for ts in times])
    bridge.plant.build()
    rows = bridge.plant.rows(silver.READINGS).filter(pl.col("ts") < NOON - timedelta(days=365))
    assert dict(rows.select("ts", "late").iter_rows()) == dict(
        zip([old, *times], [False, True, False, True], strict=True)
    )
    assert bridge.books() == {}


@pytest.mark.long
def test_a_store_that_went_back_loses_nothing_and_its_readings_can_be_let_in(bridge: Bridge) -> None:
    bridge.send([flow(0)])
    bridge.send([flow(1), flow(2)])
    bridge.seq = 1
    assert bridge.send([flow(30), flow(31), flow(32)]) is None
    assert bridge.send([flow(33)]) is None
    bridge.seq = 1
    assert bridge.send([flow(40), flow(41)], max_bytes=10) is not None
    bridge.seq = 3
    assert bridge.send([flow(34)]) is None  # beyond the last number there was: the lane goes on as ever
    apart = bridge.apart()
    assert dict(apart.group_by("lane").len().iter_rows()) == {f"reused/{LANE}": 3, REFUSED: 2}
    assert set(apart.filter(pl.col("lane") != REFUSED)["reason"]) == {REASON}
    bridge.plant.build()
    assert bridge.books() == {"flow": (11, 6, 5)}
    contract = registered().contract
    rules = Rules({"plant": Promise.of(registered().site, contract)}, LIMITS, MAX_BYTES)
    for let_in in ({"bronze.readings": 5}, {}):
        assert replay(bridge.plant.lake, Selection(), rules, by="command:test", at=NOON).rows == let_in
    assert bridge.plant.lake.scan(bronze.READINGS).filter(pl.col("lane") == REFUSED).collect().height == 2
    bridge.plant.build()
    assert bridge.books() == {}
    rows = bridge.plant.rows(silver.READINGS).filter(pl.col("ts") >= NOON, pl.col("ts") < NOON + timedelta(hours=1))
    assert {0, 1, 2, 30, 31, 32, 33, 34, 40, 41} <= set(rows["ts"].dt.minute())


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
