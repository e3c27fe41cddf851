"""Rows of quarantine are let in once, whoever asks how often and is killed when; the books balance all the way."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from core.contracts.odcs import parse_contract
from core.contracts.reading import Event, GapNews, events_to_arrow, gaps_to_arrow, to_us
from ingestion.gateway.promise import Promise
from ingestion.replay.held import Rules
from ingestion.replay.readmit import Replayed, Selection, after, plan_replay, replay
from lake.tables import bronze, ops, silver
from quality.balance import imbalances
from tests.orchestration.armed import let_in_armed
from tests.orchestration.bridge import LIMITS, MAX_BYTES, NOON, Bridge, flow
from tests.orchestration.conftest import CONTRACT, UP_TO_SILVER, Plant, registered

ROOMS = UP_TO_SILVER

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = {"bronze.readings": 3, "bronze.events": 1, "bronze.gaps": 1}


def rules(max_bytes: int = MAX_BYTES, **signals: str) -> Rules:
    """Today's, with further signals in the contract: name and unit."""
    document = yaml.safe_load(CONTRACT) | {"version": "1.1.0"}
    for name, unit in signals.items():
        document["schema"][0]["properties"].append(
            {"name": name, "customProperties": [{"property": "unit", "value": unit}]}
        )
    contract = parse_contract(yaml.safe_dump(document), where="test")
    return Rules({"plant": Promise.of(registered().site, contract)}, LIMITS, max_bytes)


def let_in(plant: Plant, todays: Rules, selection: Selection | None = None) -> Replayed:
    return replay(plant.lake, selection or Selection(), todays, by="command:test", at=NOW)


@pytest.fixture
def bridge(plant: Plant) -> Bridge:
    """A bridge that has sent a batch with a strange signal, one of NaN, an event and a gap with strange companions."""
    found = Bridge(plant)
    found.send([flow(0), flow(1, signal="pressure"), flow(2 * 24 * 60, signal="pressure"), flow(3, signal="secret")])
    found.send([flow(4, None, text="nan", quality=0x80000000)])
    good = Event("e-1", "pump-1", to_us(NOON), "DRY", 95, "raised", "Dry.")
    bad = Event("e-2", "pump-1", to_us(NOON), "WET", 95, "raised", "Wet.")
    found.send([], rows=events_to_arrow("plant", [good, bad]), lane="faults-live")
    found.send([], counts=found.counts([("rule:dry", NOON), ("rule:wet", NOON)], "rules"))
    gap = GapNews("pump-1", to_us(NOON), to_us(NOON + timedelta(minutes=1)), "bridge_down", "found")
    found.send([], rows=gaps_to_arrow("plant", [gap, gap._replace(state="perhaps")]), lane="status-live")
    assert found.apart().height == 4 + 1 + 2 + 1 + 2
    return found


def content(plant: Plant) -> dict[str, list[tuple[object, ...]]]:
    """What replays write, in an order of its own."""
    specs = (bronze.READINGS, bronze.EVENTS, bronze.GAPS, bronze.READMISSIONS, bronze.BRIDGE_COUNTS)
    return {spec.full_name: sorted(plant.lake.scan(spec).collect().iter_rows(), key=str) for spec in specs}


def test_what_the_contract_names_by_now_comes_in_once_with_its_origin(bridge: Bridge) -> None:
    plant = bridge.plant
    found = let_in(plant, rules(pressure="bar"))
    assert found.rows == ROWS
    assert found.waiting == {
        "signal 'secret' of 'pump-1' is not in the contract": 1,
        "value is not a number": 1,
        "fault_code 'WET' of 'pump-1' is not in the contract": 1,
        "gap state 'perhaps' is unknown": 1,
    }
    rows = plant.lake.scan(bronze.READINGS).filter(pl.col("lane") == "refused/bridge/2/readings-live").collect()
    assert rows.sort("row_no").select("signal", "seq", "row_no", "contract_version").rows() == [
        ("flow", 1, 0, "1.0.0"),
        ("pressure", 1, 1, "1.0.0"),
        ("pressure", 1, 2, "1.0.0"),
    ]
    told = plant.lake.scan(bronze.READMISSIONS).collect()
    assert set(told.select("readmitted_at", "readmitted_by", "contract_version").rows()) == {
        (NOW, "command:test", "1.1.0")
    }
    assert told.height == sum(ROWS.values())
    before = content(plant)
    assert let_in(plant, rules(pressure="bar")).rows == {}
    assert content(plant) == before
    assert let_in(plant, rules(pressure="bar", secret="bar")).rows == {"bronze.readings": 1}


def test_replays_at_the_same_time_let_each_row_in_once(bridge: Bridge) -> None:
    plant, todays = bridge.plant, rules(pressure="bar")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: let_in(plant, todays), range(4)))
    assert {name: sum(one.rows.get(name, 0) for one in found) for name in ROWS} == ROWS
    for spec in (bronze.READINGS, bronze.EVENTS, bronze.GAPS, bronze.READMISSIONS):
        keys = plant.lake.scan(spec).select("lane", "seq", "row_no").collect()
        assert keys.is_duplicated().sum() == 0, spec.full_name


@pytest.mark.parametrize("killed_after", range(5))
def test_killed_after_any_commit_the_next_replay_ends_the_same(bridge: Bridge, killed_after: int) -> None:
    plant, todays = bridge.plant, rules(pressure="bar")
    steps = plan_replay(plant.lake, Selection(), todays, by="command:test", at=NOW).steps
    assert next(step.spec.full_name for step in steps) == "bronze.readmissions"
    for step in steps[:killed_after]:
        assert plant.lake.append_once(step.spec, step.rows, name="replay", after=step.after)
    # A plan that was made before somebody else went on writes nothing any more.
    let_in(plant, todays)
    assert not any(
        plant.lake.append_once(step.spec, step.rows, name="replay", after=step.after) for step in steps[killed_after:]
    )
    found = content(plant)
    assert len(found["bronze.readmissions"]) == sum(ROWS.values())
    ours = [row for row in found["bronze.readings"] if "refused/bridge/2/readings-live" in row]
    assert (len(ours), len(found["bronze.events"]), len(found["bronze.gaps"])) == (3, 1, 1)


@pytest.mark.long
def test_a_process_that_is_killed_at_each_step_in_turn_lets_each_row_in_once(bridge: Bridge, tmp_path: Path) -> None:
    plant, todays = bridge.plant, rules(pressure="bar")
    plant.build()
    assert set(imbalances(plant.rows(ops.BOOKS)).values()) == {0}
    root, tenant = plant.lake.root.rsplit("/", 1)
    armed = tmp_path / "armed"
    armed.mkdir()
    steps = [step.spec for step in plan_replay(plant.lake, Selection(), todays, by="command:test", at=NOW).steps]
    assert {spec.full_name for spec in steps} == {"bronze.readmissions", *ROWS}
    for spec in steps:
        (armed / after(spec)).touch()
        one = multiprocessing.get_context("spawn").Process(target=let_in_armed, args=(root, tenant, todays, NOW, armed))
        one.start()
        one.join()
        assert one.exitcode == -signal.SIGKILL, spec.full_name
        assert not list(armed.iterdir())
    assert let_in(plant, todays).rows == {}
    found = content(plant)
    assert len(found["bronze.readmissions"]) == sum(ROWS.values())
    for spec in steps:
        keys = plant.lake.scan(spec).select("lane", "seq", "row_no").collect()
        assert keys.is_duplicated().sum() == 0, spec.full_name
    plant.build()
    assert "pressure" not in bridge.books()
    assert set(imbalances(plant.rows(ops.BOOKS)).values()) == {0}


def test_an_oversized_batch_comes_in_when_it_may_and_a_forged_one_never(plant: Plant) -> None:
    bridge = Bridge(plant)
    assert "larger than" in (bridge.send([flow(n) for n in range(30)], max_bytes=100) or "")
    assert "SHA-256" in (bridge.send([flow(40)], payload_sha256="0" * 64) or "")
    assert "larger than 100" in next(iter(let_in(plant, rules(max_bytes=100)).waiting))
    found = let_in(plant, rules())
    assert found == Replayed({"bronze.readings": 30}, {"payload does not match its SHA-256": 1})


@pytest.mark.long
def test_a_batch_that_nobody_could_read_comes_in_with_its_books_once_it_can_be_read(plant: Plant) -> None:
    bridge = Bridge(plant)
    assert bridge.send([flow(0), flow(1)]) is None
    bridge.send([flow(2), flow(3)], max_bytes=10)
    rows = bridge.apart().sort("row_no")
    # As an earlier version would have left it: one row for the batch, nothing of its books.
    unread = rows.head(1).with_columns(
        row_no=None, rows=pl.lit(2, pl.Int64), equipment_id=None, signal=None, ts=None, value=None, quality=None
    )
    plant.lake.replace_all(bronze.QUARANTINE, unread.to_arrow())
    counts = plant.lake.scan(bronze.BRIDGE_COUNTS).filter(pl.col("seq") < 2).collect()
    plant.lake.replace_all(bronze.BRIDGE_COUNTS, counts.to_arrow())
    assert let_in(plant, rules()).rows == {"bronze.readings": 2}
    assert let_in(plant, rules()).rows == {}
    plant.build()
    assert bridge.books() == {}


@pytest.mark.long
def test_the_books_balance_before_and_after_and_only_the_days_of_the_rows_are_built(
    bridge: Bridge,
) -> None:
    plant = bridge.plant
    plant.build()
    assert bridge.books()["pressure"] == (2, 0, 2)
    before = {spec: plant.lake.version(spec) for spec in (silver.READINGS, ops.BOOKS, ops.GAPS)}
    let_in(plant, rules(pressure="bar"))
    plant.build()
    assert "pressure" not in bridge.books()
    lines = plant.rows(ops.BOOKS)
    assert set(imbalances(lines).values()) == {0}
    moved = lines.filter(pl.col("signal") == "pressure").select("sent", "bronze", "quarantined", "silver")
    assert moved.sum().row(0) == (2, 2, 0, 2)
    assert plant.lake.days_added_since(silver.READINGS, before[silver.READINGS])[1] == [plant.day(2), plant.day(4)]
    assert plant.lake.days_added_since(ops.GAPS, before[ops.GAPS])[1] == [plant.day(2)]
    pressures = plant.rows(silver.READINGS).filter(pl.col("signal") == "pressure")
    assert pressures.select("late", "value").rows() == [(True, 50.0), (True, 50.0)]
