"""Drafts: the same incident gives the same pair, tags follow from units, nothing claims more than it shows."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from assets.incidents import Incident, read
from assets.training.draft import draft
from assets.training.tags import confidence, department, fault_category, quantity
from lake.store import Lake, TenantLake


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("plant-one")


def fault(lake: TenantLake, plant: SimpleNamespace, *moved: tuple[str, str, float]) -> Incident:
    plant.fill(lake, [plant.episode("e1")], deviations=[plant.deviation("pump-1", 0, *one) for one in moved])
    return read(lake)[0]


def test_a_draft_names_what_coincided_and_what_to_check(lake: TenantLake, plant: SimpleNamespace) -> None:
    row = draft(fault(lake, plant, ("oil_pressure", "bar", -8.0), ("motor_current", "A", 3.5))).row()
    assert row["question"] == (
        "Oil pump pump-1 at plant: fault low_oil (critical), Oil below 2 bar. "
        "Raised 2024-03-04 06:00 UTC, lasted 2.0 h. "
        "Oil pressure below its own baseline: 0 bar against 4 bar, -8.0 spreads. "
        "Motor current above its own baseline: 5.75 A against 4 A, +3.5 spreads. What happened?"
    )
    assert str(row["reasoning"]).splitlines() == [
        "1. Oil pressure below its own baseline: 0 bar against 4 bar, -8.0 spreads: the clearest sign, on 2024-03-04.",
        "2. Motor current above its own baseline: 5.75 A against 4 A, +3.5 spreads, on 2024-03-04.",
        "3. Signals of other quantities moved with it, so a fault of that one sensor is less likely.",
        "4. Fault low_oil had not come on this machine before.",
    ]
    assert str(row["diagnosis"]).endswith("Check what drives oil pressure first.")
    assert (row["status"], row["level_of_use"]) == ("draft", "internal")
    assert json.loads(str(row["source_keys"])) == {"episode_id": "e1"}


def test_an_unexplained_fault_says_so(lake: TenantLake, plant: SimpleNamespace) -> None:
    incident = fault(lake, plant)
    assert (fault_category(incident), department(incident)) == ("unexplained", "controls_engineering")
    assert draft(incident).diagnosis.startswith("No recorded signal explains it")
    assert confidence(incident) == 0


def test_scatter_is_no_diagnosis(lake: TenantLake, plant: SimpleNamespace) -> None:
    incident = fault(lake, plant, ("flow", "l/min", 2.9))
    assert draft(incident).diagnosis.startswith("No recorded signal explains it")
    assert "No signal left its usual range" in draft(incident).reasoning


def test_the_pair_outlives_a_change_of_its_draft(lake: TenantLake, plant: SimpleNamespace) -> None:
    before, after = draft(fault(lake, plant)), draft(fault(lake, plant, ("flow", "l/min", 9.0)))
    assert before.pair_id == after.pair_id
    assert before.row()["content_sha256"] != after.row()["content_sha256"]
    assert draft(fault(lake, plant)).row()["content_sha256"] == before.row()["content_sha256"]


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        *(("degC", "temperature"), ("degR", "temperature"), ("psi", "pressure"), ("A", "current"), ("1", "ratio")),
        *(("l/min", "volume flow"), ("lb/s", "mass flow"), ("rpm", "speed"), ("g0", "acceleration")),
        *(("percent", "ratio"), ("mm/s", "velocity"), ("kg/m**3", "process")),
    ],
)
def test_units_say_which_quantity_moved(unit: str, name: str) -> None:
    assert quantity(unit) == name


def test_confidence_grows_with_evidence_and_stays_below_certainty(lake: TenantLake, plant: SimpleNamespace) -> None:
    weak = confidence(fault(lake, plant, ("flow", "l/min", 1.0)))
    strong = confidence(fault(lake, plant, ("flow", "l/min", 60.0)))
    both = confidence(fault(lake, plant, ("flow", "l/min", 60.0), ("p", "bar", -60.0)))
    assert 0 < weak < strong < both <= 0.9
