"""Readings that look wrong, on the whole road: kept apart, booked, shown, and let in again once they are corrected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from lake.tables import ops, silver
from tests.orchestration.conftest import Plant, readings


def test_a_unit_changed_overnight_is_kept_apart_and_no_figure_knows_of_it(plant: Plant) -> None:
    night = datetime(2024, 3, 11, tzinfo=UTC)
    values = {"flow": lambda n: (50.0 + n % 5) * 0.06, "running": lambda n: (n % 4) / 3}
    samples = [("pump-1", name, night + timedelta(hours=n), of(n)) for n in range(24) for name, of in values.items()]
    plant.add(readings(3, samples, datetime.now(UTC)))
    summary = plant.build()
    assert set(summary.warned) == {
        "waterworks silver/readings readings_are_believed",
        "waterworks silver/quarantine few_rows_are_rejected",
    }
    apart = plant.rows(silver.QUARANTINE)
    assert set(apart["reason"]) == {"looks like m^3/hour where the contract promises l/min"}
    assert apart.height == 24
    hourly = plant.rows(silver.SIGNAL_HOURLY).filter(pl.col("date") == night.date())
    assert set(hourly["signal"]) == {"running"}
    assert plant.rows(ops.BOOKS)["rejected"].sum() == 24
    assert set(plant.rows(ops.SIGNAL_REFERENCE)["date"]) == {plant.day(6)}
