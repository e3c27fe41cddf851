"""Rows that bronze gains while their day is being built: nothing is lost, and the day is built again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from assets import build
from lake.replacing import replace_days
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import gold, ops, silver
from tests.orchestration.conftest import Plant, readings


def test_a_row_committed_between_reading_and_writing_is_built_afterwards(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.build()
    plant.add(plant.late(2, 77.0))
    meanwhile = readings(3, [("pump-2", "flow", datetime(2024, 3, 6, 11, 30, tzinfo=UTC), 88.0)], datetime.now(UTC))
    committed: list[int] = []

    def writing(lake: TenantLake, spec: TableSpec, rows: Iterable[pl.DataFrame], days: list[date]) -> int:
        """The build's own, but that the sink commits once everything of silver's readings has been read."""

        def all_read() -> Iterable[pl.DataFrame]:
            yield from rows
            if spec is silver.READINGS and not committed:
                plant.add(meanwhile)
                committed.append(1)

        return replace_days(lake, spec, all_read(), days)

    monkeypatch.setattr(build, "replace_days", writing)
    plant.build()
    assert committed
    assert late(plant) == [77.0]
    assert books(plant) == {"bronze": 7 * 24 * 4 + 1, "silver": 7 * 24 * 4 + 1}

    version = plant.lake.version(silver.READINGS)
    assert plant.build().warned == []
    assert plant.lake.days_added_since(silver.READINGS, version)[1] == [plant.day(2)]
    assert late(plant) == [77.0, 88.0]
    assert books(plant) == {"bronze": 7 * 24 * 4 + 2, "silver": 7 * 24 * 4 + 2}
    assert plant.rows(gold.KPI_DAILY).filter(date=plant.day(2)).height > 0
    assert plant.build().runs == []


def late(plant: Plant) -> list[Any]:
    return plant.rows(silver.READINGS).filter("late").sort("value")["value"].to_list()


def books(plant: Plant) -> dict[str, int]:
    """Of all lines."""
    return plant.rows(ops.BOOKS).select(pl.col("bronze", "silver").sum()).to_dicts()[0]
