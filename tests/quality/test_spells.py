"""Spells of bad quality, on a few readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from core.contracts.quality import BAD_NO_DATA, GOOD, UNCERTAIN
from quality.spells import BAD_QUALITY, spells

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def readings(signal: str, *qualities: int) -> pl.DataFrame:
    """One reading a minute of one signal."""
    rows = [("north", "pump-1", signal, at(minute), quality) for minute, quality in enumerate(qualities)]
    frame = pl.DataFrame(rows, schema=["site", "equipment_id", "signal", "ts", "quality"], orient="row")
    return frame.with_columns(date=pl.col("ts").cast(pl.Datetime("us", "UTC")).dt.date())


@pytest.mark.parametrize(
    ("qualities", "found"),
    [
        ((GOOD, GOOD, UNCERTAIN), []),
        ((GOOD, BAD_NO_DATA, BAD_NO_DATA, GOOD), [(at(1), at(3), 2)]),
        ((BAD_NO_DATA, UNCERTAIN, BAD_NO_DATA), [(at(0), at(1), 1), (at(2), at(2), 1)]),
        ((), []),
    ],
)
def test_a_spell_lasts_from_the_first_bad_reading_to_the_next_that_is_not(
    qualities: tuple[int, ...], found: list[tuple[datetime, datetime | None, int]]
) -> None:
    other = readings("flow", GOOD, GOOD, GOOD, GOOD)
    rows = pl.concat([other, readings("pressure", *qualities).cast(dict(other.schema))]).sample(
        fraction=1.0, shuffle=True, seed=3
    )
    told = spells(rows.lazy())
    assert told.select("ts", "until", "readings").rows() == found
    assert set(told["signal"]) <= {"pressure"}
    assert set(told["reason"]) <= {BAD_QUALITY}


def test_neighbours_are_not_taken_for_one_spell() -> None:
    rows = pl.concat([readings("flow", GOOD, BAD_NO_DATA), readings("pressure", BAD_NO_DATA, GOOD)])
    assert spells(rows.lazy()).select("signal", "ts", "until").rows() == [
        ("flow", at(1), at(1)),
        ("pressure", at(0), at(1)),
    ]


def test_each_day_has_its_own_so_that_a_day_can_be_built_alone() -> None:
    midnight = datetime(2024, 3, 5, tzinfo=UTC)
    minutes = [(minute, BAD_NO_DATA) for minute in (-2, -1, 0, 1)] + [(2, GOOD)]
    rows = pl.DataFrame(
        [("north", "pump-1", "flow", midnight + timedelta(minutes=n), quality) for n, quality in minutes],
        schema=["site", "equipment_id", "signal", "ts", "quality"],
        orient="row",
    ).with_columns(date=pl.col("ts").dt.date())
    whole = spells(rows.lazy())
    assert [(until - ts).seconds for ts, until in whole.select("ts", "until").iter_rows()] == [60, 120]
    for day in rows["date"].unique():
        assert spells(rows.lazy().filter(pl.col("date") == day)).equals(whole.filter(pl.col("date") == day))
