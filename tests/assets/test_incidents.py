"""Incidents: what is taken from silver and gold, and what is left out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from assets import phrases
from assets.embeddings.memory import text
from assets.incidents import Kind, read
from lake.store import Lake, TenantLake


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("plant-one")


def test_an_empty_lake_has_no_incident(lake: TenantLake) -> None:
    assert read(lake) == []


def test_a_fault_carries_its_strongest_deviations_first(lake: TenantLake, plant: SimpleNamespace) -> None:
    moved = [("flow", "l/min", 3.5), ("oil_pressure", "bar", -8.0), ("a", "1", 1.0), ("b", "1", 2.0), ("c", "1", 0.5)]
    deviations = [plant.deviation("pump-1", 0, *one) for one in moved] + [plant.deviation("pump-2", 0, "x", "1", 99.0)]
    plant.fill(lake, [plant.episode("e1")], deviations=deviations)
    (incident,) = read(lake)
    assert [one.signal for one in incident.deviations] == ["oil_pressure", "flow", "b", "a"]
    assert (incident.kind, incident.source, incident.keys) == (
        Kind.FAULT,
        "silver.fault_episodes",
        {"episode_id": "e1"},
    )


def test_a_long_fault_is_judged_by_the_strongest_of_its_days(lake: TenantLake, plant: SimpleNamespace) -> None:
    deviations = [plant.deviation("pump-1", day, "flow", "l/min", float(day)) for day in range(20)]
    plant.fill(lake, [plant.episode("e1", hours=72.0)], deviations=deviations)
    (incident,) = read(lake)
    assert [(one.spreads, one.day) for one in incident.deviations] == [(3.0, plant.monday + timedelta(days=3))]


def test_the_same_code_on_the_same_machine_is_counted(lake: TenantLake, plant: SimpleNamespace) -> None:
    again = [plant.episode("e1"), plant.episode("e2", day=1), plant.episode("e3", day=2, code="hot")]
    plant.fill(lake, [*again, plant.episode("e4", day=3, machine="pump-2")])
    assert {one.id: one.occurrence for one in read(lake)} == {"e1": 1, "e2": 2, "e3": 1, "e4": 1}


def test_the_strangest_day_of_a_month_is_a_finding_unless_a_fault_explains_it(
    lake: TenantLake, plant: SimpleNamespace
) -> None:
    health = [
        *(plant.health("pump-1", 0, 0.95), plant.health("pump-1", 1, 0.7), plant.health("pump-1", 2, 0.8)),
        *(plant.health("pump-2", 0, 0.49), plant.health("pump-1", 40, 0.6)),
    ]
    plant.fill(lake, [plant.episode("e1")], health=health)
    findings = [one for one in read(lake) if one.kind is Kind.FINDING]
    assert [(one.equipment_id, one.score) for one in findings] == [("pump-1", 0.6), ("pump-1", 0.8)]
    assert findings[0].id == "plant/pump-1/2024-04-13"


def test_words_keep_figures_and_units(lake: TenantLake, plant: SimpleNamespace) -> None:
    plant.fill(lake, [plant.episode("e1")], deviations=[plant.deviation("pump-1", 0, "P:mean:PT1H", "MPa", -7.0)])
    (incident,) = read(lake)
    assert text(incident) == (
        "oil pump pump-1 at plant: fault low_oil (critical), Oil below 2 bar. "
        "Raised 2024-03-04 06:00 UTC, lasted 2.0 h. "
        "P (mean, PT1H) below its own baseline: 0.5 MPa against 4 MPa, -7.0 spreads."
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "still standing"), (90, "2 min"), (5400, "1.5 h"), (200_000, "2.3 days")]
)
def test_durations_read_naturally(seconds: float | None, words: str) -> None:
    assert phrases.duration(seconds) == words
