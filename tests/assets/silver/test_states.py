"""Equipment states: from when to when a machine ran, stood or was under a fault."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from assets.silver.states import contradicted, states, telling
from tests.assets.silver.conftest import MIDNIGHT

MONDAY = date(2024, 3, 4)
HOURLY = "running:mean:PT1H"
"""What speaks for the role: of the raw signal only windows leave the site."""


def at(minutes: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minutes)


@pytest.fixture
def intervals(bronze, signals):
    """(state, from, until) in minutes after midnight of Monday."""

    def compute(*samples, faults=(), days=(MONDAY,), catalogue: pl.DataFrame | None = None):
        role = pl.when(pl.col("signal") == HOURLY).then(pl.lit("running"))
        rows = bronze.rows(*samples, equipment_type="pump", unit="1").with_columns(role=role)
        time = pl.Datetime("us", "UTC")
        spans = [("plant", "pump-1", at(a), None if b is None else at(b)) for a, b in faults]
        names = {"site": pl.String, "equipment_id": pl.String, "raised_at": time, "cleared_at": time}
        episodes = pl.DataFrame(spans, schema=names, orient="row")
        found = states(rows, signals if catalogue is None else catalogue, episodes, days).sort("started_at")
        minutes = [pl.col(name) - MIDNIGHT for name in ("started_at", "ended_at")]
        return [
            (state, a.total_seconds() / 60, b.total_seconds() / 60)
            for state, a, b in found.select("state", *minutes).iter_rows()
        ]

    return compute


def test_running_and_stopped_follow_each_other(intervals):
    values = [1.0, 0.6, 0.4, 0.0, 1.0]
    assert intervals(*((HOURLY, 60 * n, value) for n, value in enumerate(values))) == [
        ("running", 0, 120),
        ("stopped", 120, 240),
        ("running", 240, 300),
    ]


def test_a_fault_outweighs_both_and_overlapping_ones_are_one(intervals):
    hours = [(HOURLY, 60 * n, float(n < 3)) for n in range(6)]
    assert intervals(*hours, faults=[(30, 90), (60, 200), (400, None)]) == [
        ("running", 0, 30),
        ("faulted", 30, 200),
        ("stopped", 200, 360),
    ]


def test_time_in_which_nobody_heard_is_in_no_interval(intervals):
    hours = [(HOURLY, 60 * n, 1.0) for n in (0, 1, 2, 3, 12, 13)]
    assert intervals(*hours, faults=[(300, 400)]) == [("running", 0, 240), ("running", 720, 840)]


def test_without_a_running_signal_a_machine_runs_while_it_is_heard(intervals, signals):
    silent = signals.filter(pl.col("role").is_null())
    flow = [("flow", minute, 1.0) for minute in (0, 10, 20)]
    level = [("level", minute, 1.0) for minute in (15, 25, 35)]
    found = intervals(*flow, *level, faults=[(5, 8)], catalogue=silent)
    assert found == [("running", 0, 5), ("faulted", 5, 8), ("running", 8, 45)]


def test_a_state_ends_at_midnight_and_goes_on_the_next_day(intervals):
    hours = [(HOURLY, 60 * n, 1.0) for n in range(20, 30)]
    tuesday = MONDAY + timedelta(days=1)
    assert intervals(*hours, faults=[(1380, 1500)], days=(MONDAY, tuesday)) == [
        ("running", 1200, 1380),
        ("faulted", 1380, 1440),
        ("faulted", 1440, 1500),
        ("running", 1500, 1800),
    ]
    assert intervals(*hours, days=(tuesday,)) == [("running", 1440, 1800)]


@pytest.mark.parametrize("filtered", [False, True], ids=["every change sent", "behind a deadband"])
def test_what_is_left_unread_changes_no_state(bronze, signals, filtered):
    mine = (pl.col("equipment_id") == "pump-1") & (pl.col("role") == "running")
    silence = pl.when(mine).then(pl.lit(value=filtered)).otherwise("deadband")
    catalogue = signals.with_columns(deadband=silence, role_signal=pl.when(mine).then("base").otherwise("role_signal"))
    samples = {
        "pump-1": [("running", 0, 1.0), ("running", 10, 1.0), ("flow", 200, 5.0), ("level", 300, 1.0)],
        "pump-2": [(HOURLY, 60, 0.0), (HOURLY, 120, 1.0), ("flow", 70, 5.0)],
        "pump-9": [("flow", 80, 5.0), ("flow", 90, 5.0)],
    }
    of = [bronze.rows(*some, equipment_id=name, equipment_type="pump", unit="1") for name, some in samples.items()]
    role = pl.when(pl.col("signal").is_in(["running", HOURLY])).then(pl.lit("running"))
    rows = pl.concat(of).with_columns(role=role)
    names = {"site": pl.String, "equipment_id": pl.String, "raised_at": TIME, "cleared_at": TIME}
    read = rows.filter(telling(catalogue))
    no_faults = pl.DataFrame(schema=names)
    told, known = (states(some, catalogue, no_faults, [MONDAY]) for some in (read, rows))
    assert told.equals(known) and known["equipment_id"].unique().sort().to_list() == list(samples)
    assert (rows.height, read.height) == (9, 8 if filtered else 6)


def stored(*intervals: tuple[str, float, float]) -> pl.DataFrame:
    """Intervals as the table holds them: state, from and until in minutes after midnight of Monday."""
    rows = [("plant", "pump-1", state, at(a), at(b), at(a).date()) for state, a, b in intervals]
    text = dict.fromkeys(["site", "equipment_id", "state"], pl.String)
    schema = {**text, "started_at": TIME, "ended_at": TIME, "date": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def told(*spans: tuple[float, float | None], machine: str = "pump-1") -> pl.DataFrame:
    """Episodes from and until minutes after midnight of Monday."""
    rows = [("plant", machine, at(a), None if b is None else at(b)) for a, b in spans]
    schema = {"site": pl.String, "equipment_id": pl.String, "raised_at": TIME, "cleared_at": TIME}
    return pl.DataFrame(rows, schema=schema, orient="row")


DAY = 1440
TIME = pl.Datetime("us", "UTC")
ON_DAY_40 = MONDAY + timedelta(days=40)


@pytest.mark.parametrize(
    ("interval", "spans", "wrong"),
    [
        ("running", [(600, None)], True),
        ("running", [(600, 40 * DAY + 1)], True),
        ("running", [(600, 40 * DAY)], False),
        ("stopped", [(40 * DAY + 60, 40 * DAY + 60)], False),
        ("running", [(40 * DAY + 120, None)], False),
        ("faulted", [(600, None)], False),
        ("faulted", [(600, 700)], True),
        ("faulted", [], True),
        ("faulted", [(600, 40 * DAY + 60), (40 * DAY + 30, 41 * DAY), (700, 800)], False),
        ("faulted", [(600, 40 * DAY + 60), (40 * DAY + 61, 41 * DAY)], True),
    ],
)
def test_a_day_is_contradicted_by_what_is_told_late(interval, spans, wrong):
    table = stored(("running", 0, 600), (interval, 40 * DAY, 40 * DAY + 120))
    spare = told((0, None), machine="pump-2")
    assert contradicted(table, pl.concat([told(*spans), spare])) == ([ON_DAY_40] if wrong else [])


def test_nothing_stored_and_nothing_told_contradict_nothing():
    assert contradicted(stored(), told((600, None))) == []
    assert contradicted(stored(("running", 0, 600)), told()) == []
