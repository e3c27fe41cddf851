"""A fault told of late changes the states of every day on which it stood, however long that is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from core.contracts.reading import Event, events_to_arrow, to_us
from lake.tables import machines
from tests.orchestration.bridge import Bridge
from tests.orchestration.conftest import UP_TO_SILVER, Plant, readings

ROOMS = UP_TO_SILVER

MUCH_LATER = date(2024, 5, 6)


def tell(bridge: Bridge, ts: datetime, state: str) -> None:
    event = Event(f"e-{state}", "pump-1", to_us(ts), "DRY", 95, state, "Dry.")
    assert bridge.send([], rows=events_to_arrow("plant", [event]), lane="faults-live") is None
    assert bridge.send([], counts=bridge.counts([("rule:dry", ts)], "rules")) is None
    bridge.plant.build()


def states(plant: Plant, day: date) -> set[str]:
    rows = plant.rows(machines.EQUIPMENT_STATES).filter(pl.col("date") == day, pl.col("equipment_id") == "pump-1")
    return set(rows["state"])


@pytest.mark.long
def test_days_months_after_a_late_word_follow_it(plant: Plant) -> None:
    noon = datetime(2024, 5, 6, 12, tzinfo=UTC)
    plant.add(readings(2, [("pump-1", "running", noon + timedelta(hours=n), 1.0) for n in range(6)], datetime.now(UTC)))
    plant.build()
    assert states(plant, MUCH_LATER) == {"running"}
    bridge = Bridge(plant)
    tell(bridge, datetime(2024, 3, 8, 10, tzinfo=UTC), "raised")
    assert states(plant, MUCH_LATER) == states(plant, date(2024, 3, 9)) == {"faulted"}
    tell(bridge, datetime(2024, 3, 8, 12, tzinfo=UTC), "cleared")
    assert states(plant, MUCH_LATER) == {"running"}
    assert states(plant, date(2024, 3, 8)) == {"running", "stopped", "faulted"}
