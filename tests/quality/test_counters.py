"""Counters that are set, exchanged or misread between two days: the day before tells, however the days are built."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from quality.counters import COUNTING, counting, counting_outcomes, misread

START = datetime(2024, 3, 4, tzinfo=UTC)
TUESDAY, WEDNESDAY = date(2024, 3, 5), date(2024, 3, 6)
RISING = [1000.0 + 10 * n for n in range(72)]


def samples(values: list[float]) -> pl.DataFrame:
    """A counter read once an hour, as silver holds it."""
    rows = [("mill", "m-1", "pieces", START + timedelta(hours=n), value, "count") for n, value in enumerate(values)]
    frame = pl.DataFrame(rows, schema=["site", "equipment_id", "signal", "ts", "value", "role"], orient="row")
    return frame.with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC"))).with_columns(date=pl.col("ts").dt.date())


def hours(values: list[float]) -> pl.DataFrame:
    """The same counter by the hour."""
    return samples(values).rename({"ts": "hour", "value": "max"})


def found(values: list[float], days: list[date]) -> dict[str, list[str]]:
    """What stands out on some days, each with only the day before in sight."""
    first = min(days) - timedelta(days=1)
    near = samples(values).filter(pl.col("date").is_between(first, max(days)))
    by_check = counting(near, hours(values), days)
    return {check: [one.words for one in several] for check, several in by_check.items() if several}


def changed(at: int, value: float) -> list[float]:
    return [value if n == at else one for n, one in enumerate(RISING)]


def from_on(at: int, less: float) -> list[float]:
    return [one - less if n >= at else one for n, one in enumerate(RISING)]


@pytest.mark.parametrize("days", [[WEDNESDAY], [TUESDAY, WEDNESDAY]], ids=["alone", "together"])
def test_a_counter_exchanged_at_midnight_is_seen_whichever_days_are_built(days: list[date]) -> None:
    assert found(RISING, days) == {}
    told = "m-1 pieces fell from 1470.0 to 980.0 at 2024-03-06 00:00"
    assert found(from_on(48, 500), days) == {"counters_only_rise": [told]}
    restarted = "m-1 pieces fell from 1470.0 to 0.0 at 2024-03-06 00:00"
    assert found(from_on(48, 1480), days) == {"counters_do_not_restart": [restarted]}
    assert found(from_on(48, 500), [TUESDAY]) == {}


@pytest.mark.parametrize("at", [47, 48, 60])
def test_a_counter_exchanged_for_one_that_shows_more_is_seen(at: int) -> None:
    day = [TUESDAY if at < 48 else WEDNESDAY]
    (told,) = found(from_on(at, -50_000), day)["counters_rise_as_ever"]
    assert told.startswith("m-1 pieces rose by 50010.0 in the hour of 2024-03-0")
    assert told.endswith("and by 10.0 in its busy ones")
    assert "counters_rise_as_ever" in found(changed(at, 2.0**63), day)


def test_silence_and_a_busy_hour_alarm_nobody() -> None:
    busy = [one + 150.0 * (n >= 50) for n, one in enumerate(RISING)]
    assert found(busy, [WEDNESDAY]) == {}
    silent = hours([one + 4000.0 * (n >= 60) for n, one in enumerate(RISING)])
    gap = silent.filter(~pl.col("hour").is_between(START + timedelta(hours=30), START + timedelta(hours=59)))
    assert counting(samples(RISING), gap, [WEDNESDAY])["counters_rise_as_ever"] == []


def test_what_cannot_be_known_yet_is_not_said() -> None:
    assert found([0.0] * 40 + [9e6] * 32, [TUESDAY]) == {}
    assert counting(samples([]), hours([]), [TUESDAY]) == {name: [] for name, *_ in COUNTING}


def test_each_finding_blames_its_day_and_can_be_accepted_to_the_letter() -> None:
    outcomes = {
        one.check: one for one in counting_outcomes(counting(samples(from_on(48, 500)), hours([]), [WEDNESDAY]))
    }
    fell = outcomes["counters_only_rise"]
    assert (fell.status, fell.days) == ("failed", {WEDNESDAY})
    assert fell.findings == (
        "2024-03-06 mill: m-1 pieces fell from 1470.0 to 980.0 at 2024-03-06 00:00:00.000000+00:00",
    )


@pytest.mark.parametrize(
    ("values", "away"),
    [
        ([1000, 3, 1010, 1020], [3]),
        ([1000, 3, 2, 1010], [3, 2]),
        ([1000, 1010, 99_999, 99_999, 1020, 1030], [99_999, 99_999]),
        ([1000, 0, 10, 20, 30, 3, 40], [3]),
        ([1000, 1010, 0, 10, 20, 30], []),
        ([0, 50, 0, 10, 20, 30, 0, 10, 20, 25], []),
        ([1000, 1500, 1010], [1500]),
    ],
)
def test_a_counter_is_misread_where_it_leaves_its_course_and_is_back(values: list[float], away: list[float]) -> None:
    assert misread(samples([float(one) for one in values]), ["signal"])["value"].to_list() == away
