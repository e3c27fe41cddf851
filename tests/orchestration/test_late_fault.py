"""A fault told of late changes the states of every day on which it stood, however long that is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from lake.tables import bronze, machines
from tests.orchestration.conftest import LANE, Plant, frame, readings

MUCH_LATER = date(2024, 5, 6)


def event(plant: Plant, seq: int, ts: datetime, state: str) -> None:
    rows = [
        (
            f"e-{seq}",
            "plant",
            "pump-1",
            ts,
            "DRY",
            95,
            state,
            "Dry.",
            LANE,
            seq,
            0,
            "1.0.0",
            datetime.now(UTC),
            ts.date(),
        )
    ]
    plant.lake.append(bronze.EVENTS, frame(bronze.EVENTS, rows).to_arrow())


def states(plant: Plant, day: date) -> set[str]:
    rows = plant.rows(machines.EQUIPMENT_STATES).filter(pl.col("date") == day, pl.col("equipment_id") == "pump-1")
    return set(rows["state"])


def test_days_months_after_a_late_word_follow_it(plant: Plant) -> None:
    noon = datetime(2024, 5, 6, 12, tzinfo=UTC)
    plant.add(readings(2, [("pump-1", "running", noon + timedelta(hours=n), 1.0) for n in range(6)], datetime.now(UTC)))
    plant.build()
    assert states(plant, MUCH_LATER) == {"running"}
    event(plant, 1, datetime(2024, 3, 8, 10, tzinfo=UTC), "raised")
    plant.build()
    assert states(plant, MUCH_LATER) == states(plant, date(2024, 3, 9)) == {"faulted"}
    event(plant, 2, datetime(2024, 3, 8, 12, tzinfo=UTC), "cleared")
    plant.build()
    assert states(plant, MUCH_LATER) == {"running"}
    assert states(plant, date(2024, 3, 8)) == {"running", "stopped", "faulted"}
