"""Readings that look wrong, on the whole road: kept apart, booked, shown, and let in again once they are corrected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from lake.tables import ops, silver
from tests.orchestration.conftest import Plant, readings


def test_a_unit_changed_overnight_is_kept_apart_and_no_figure_knows_of_it(plant: Plant) -> None:
    night = datetime(2024, 3, 11, tzinfo=UTC)
    in_cubic_metres = [("pump-1", "flow", night + timedelta(hours=n), (50.0 + n % 5) * 0.06) for n in range(24)]
    plant.add(readings(3, in_cubic_metres, datetime.now(UTC)))
    summary = plant.build()
    assert summary.warned == ["waterworks silver/readings readings_are_believed"] * len(summary.warned)
    assert summary.warned
    apart = plant.rows(silver.QUARANTINE)
    assert set(apart["reason"]) == {"looks like m^3/hour where the contract promises l/min"}
    assert apart.height == 24
    assert plant.rows(silver.SIGNAL_HOURLY).filter(pl.col("date") == night.date()).is_empty()
    assert plant.rows(ops.BOOKS)["rejected"].sum() == 24
    assert set(plant.rows(ops.SIGNAL_REFERENCE)["date"]) == {plant.day(6)}
