"""Spells of bad quality, on a few readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from core.contracts.quality import BAD_NO_DATA, GOOD, UNCERTAIN
from quality.spells import spells

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def readings(signal: str, *qualities: int) -> pl.DataFrame:
    """One reading a minute of one signal."""
    rows = [("north", "pump-1", signal, at(minute), quality) for minute, quality in enumerate(qualities)]
    return pl.DataFrame(rows, schema=["site", "equipment_id", "signal", "ts", "quality"], orient="row")


@pytest.mark.parametrize(
    ("qualities", "found"),
    [
        ((GOOD, GOOD, UNCERTAIN), []),
        ((GOOD, BAD_NO_DATA, BAD_NO_DATA, GOOD), [(at(1), at(3), 2)]),
        ((BAD_NO_DATA, UNCERTAIN, BAD_NO_DATA), [(at(0), at(1), 1), (at(2), None, 1)]),
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
    assert set(told["reason"]) <= {"bad_quality"}


def test_neighbours_are_not_taken_for_one_spell() -> None:
    rows = pl.concat([readings("flow", GOOD, BAD_NO_DATA), readings("pressure", BAD_NO_DATA, GOOD)])
    assert spells(rows.lazy()).select("signal", "ts", "until").rows() == [
        ("flow", at(1), None),
        ("pressure", at(0), at(1)),
    ]
