"""A press whose stops, speeds, faults and scrap are known by the minute: key figures against the same by hand.

Sampled once a minute and walked through silver's hours and episodes as a real one is.

Two days alike. From 6:00 to 22:00 the press is meant to run: 120 pieces an hour until noon, then a break of an hour,
then 90 an hour. It jams at 9:00 for half an hour and overheats at 15:00 for an hour, and stands meanwhile. Of the
pieces of the afternoon every tenth is scrap. So on each day

    running       5 h before 9 and after 9:30 .. 5.5 h until noon, 2 + 6 = 8 h after; 13.5 h
    pieces        5.5 x 120 + 8 x 90 = 660 + 720 = 1380, of which 72 scrap
    availability  24 h observed, 1.5 h under a fault: 22.5 / 24
    performance   mean speed while running 1380 / 13.5 against the best hour, 120: 1380 / 1620
    quality       1308 / 1380
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from assets.catalogue import SCHEMA
from assets.gold.kpi_daily import kpi_daily
from assets.silver.holding import hourly
from assets.silver.pairing import episodes
from assets.silver.states import states
from tests.assets.gold.conftest import MIDNIGHT

DAYS = [date(2024, 3, 4), date(2024, 3, 5)]
JAM, HEAT = (9 * 60, 9 * 60 + 30), (15 * 60, 16 * 60)
"""Minutes of the day."""
NOTHING_SPECIAL = pl.DataFrame(
    [
        ("plant", "press-1", "press", role, "1", 1.0, 0.0, None, None, True, False, role, role, 0.0, None, None, None)
        for role in ("running", "speed", "count", "good")
    ],
    schema=dict(SCHEMA),
    orient="row",
)
WATCHED = pl.DataFrame({"site": ["plant"], "equipment_id": ["press-1"]})


def speed_at(minute: int) -> float:
    """Pieces an hour at a minute of the day."""
    if any(begin <= minute < end for begin, end in (JAM, HEAT)):
        return 0.0
    return 120.0 if 360 <= minute < 720 else 90.0 if 780 <= minute < 1320 else 0.0


def recorded(set_point: bool) -> pl.DataFrame:
    """`silver.readings` of both days; a drive that shows its set point shows it also while it stands."""
    rows: list[tuple[str, datetime, float]] = []
    made = good = 0.0
    for n in range(len(DAYS) * 1440):
        ts, minute, speed = MIDNIGHT + timedelta(minutes=n), n % 1440, speed_at(n % 1440)
        shown = (120.0 if minute < 720 else 90.0) if set_point else speed
        for role, value in (("running", float(speed > 0)), ("speed", shown), ("count", made), ("good", good)):
            rows.append((role, ts, value))
        made += speed / 60
        good += speed / 60 * (0.9 if minute >= 780 else 1.0)
    frame = pl.DataFrame(
        rows, schema={"signal": pl.String, "ts": pl.Datetime("us", "UTC"), "value": pl.Float64}, orient="row"
    )
    return frame.with_columns(
        site=pl.lit("plant"),
        equipment_id=pl.lit("press-1"),
        equipment_type=pl.lit("press"),
        quality=pl.lit(0, dtype=pl.Int64),
        unit=pl.lit("1"),
        role=pl.col("signal"),
        date=pl.col("ts").dt.date(),
    )


def told() -> pl.DataFrame:
    """`silver.events` of both days."""
    rows = [
        (
            f"{day}{code}{state}",
            "plant",
            "press-1",
            "press",
            code,
            90,
            code,
            state,
            MIDNIGHT + timedelta(days=day, minutes=minute),
        )
        for day in range(len(DAYS))
        for code, span in (("JAM", JAM), ("HEAT", HEAT))
        for state, minute in zip(("raised", "cleared"), span, strict=True)
    ]
    names = ["event_id", "site", "equipment_id", "equipment_type", "fault_code", "severity", "message", "state", "ts"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))


@pytest.mark.parametrize("set_point", [False, True], ids=["speed falls to nothing", "speed shows its set point"])
def test_every_figure_is_the_one_worked_out_by_hand(set_point: bool):
    readings, faults = recorded(set_point), episodes(told())
    counters = readings.filter(pl.col("role").is_in(["count", "good"]))
    rows = kpi_daily(hourly(readings, NOTHING_SPECIAL, DAYS), counters, faults, WATCHED, DAYS)
    found = {(row["kpi"], DAYS.index(row["date"])): row["value"] for row in rows.to_dicts()}

    for day in (0, 1):
        assert found["utilisation", day] == pytest.approx(100 * 13.5 / 24)
        assert found["availability", day] == pytest.approx(100 * 22.5 / 24)
        assert found["throughput", day] == pytest.approx(1380)
        assert found["cycle_time", day] == pytest.approx(13.5 * 3600 / 1380)
        assert found["fault_count", day] == 2
        assert found["operating_time", day] == pytest.approx(13.5 * (day + 1))
        assert found["mtbf", day] == pytest.approx(13.5 / 2)
        assert found["mttr", day] == pytest.approx(1.5 / 2)
        assert found["oee", day] == pytest.approx(100 * (22.5 / 24) * (1380 / 1620) * (1308 / 1380))
    assert len(found) == 18


def test_states_add_up_to_the_same_hours():
    rows = states(recorded(set_point=False), NOTHING_SPECIAL, episodes(told()), DAYS)
    hours = rows.group_by("date", "state").agg(pl.col("duration_s").sum() / 3600).sort("date", "state")
    assert hours.rows() == [
        (day, state, time) for day in DAYS for state, time in (("faulted", 1.5), ("running", 13.5), ("stopped", 9.0))
    ]
