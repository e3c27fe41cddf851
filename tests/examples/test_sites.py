from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.demo.proof import expected_rows
from core.contracts.odcs import load_contract
from core.contracts.reading import to_us
from core.contracts.site import load_site, site_files
from examples.plant.recording import read_history, read_recording
from tests.examples.truth import read_truth

_SITES = Path(__file__).parents[2] / "examples" / "sites"


def _load(name: str):
    site, warnings = load_site(_SITES / f"{name}.yaml")
    assert warnings == []
    contract = load_contract(_SITES / site.contract_name, site)
    return site, contract, read_recording(site, _SITES)


def test_two_sites_are_packaged_with_their_origin_and_licence() -> None:
    assert [path.name for path in site_files(_SITES)] == ["compressor.yaml", "turbofan.yaml"]
    for name, words in (("compressor", ["Attribution 4.0", "Apache License"]), ("turbofan", ["public domain", "NASA"])):
        text = (_SITES / name / "README.md").read_text(encoding="utf-8")
        assert all(word in text for word in words)
        assert len(load_site(_SITES / f"{name}.yaml")[0].questions) == 2


def test_the_compressor_streams_seven_months_of_fifteen_signals() -> None:
    _, _, plant = _load("compressor")
    assert (plant.steps, plant.readings) == (5_116, 76_740)
    assert sum(int((~column.present).sum()) for column in plant.units[0].columns.values()) == 560 * 15


def test_the_fleet_has_history_and_truth_beside_its_recording() -> None:
    site, _, plant = _load("turbofan")
    assert (plant.steps, plant.readings, len(plant.units)) == (303, 13_096 * 25, 100)
    history = read_history(site, _SITES)
    assert (len(history), sum(one.rows for one in history)) == (100, 20_631)
    truth = read_truth(site, _SITES)
    assert (truth["engine-001"], min(truth.values()), max(truth.values())) == (112.0, 7.0, 145.0)


def test_contracts_withhold_window_and_forward() -> None:
    for name in ("compressor", "turbofan"):
        site, contract, _ = _load(name)
        of_type = site.signals_of_type()[site.equipment[0].type]
        kinds = Counter(
            "withheld" if promise is None else "forwarded" if promise.forward else "windows"
            for promise in (contract.signals.get((site.equipment[0].type, signal)) for signal in of_type)
        )
        assert min(kinds["withheld"], kinds["forwarded"], kinds["windows"]) >= 1
        assert any(promise.deadband for promise in contract.signals.values())


def test_the_overload_rule_raises_in_all_four_leaks_and_twice_elsewhere() -> None:
    site, contract, plant = _load("compressor")
    _, events = expected_rows(site, contract, plant)
    raised = sorted(ts for _, ts, _, state in events if state == "raised")
    assert site.recording is not None
    assert site.recording.labels is not None
    day = 3_600_000_000 * 24
    leaks = [(to_us(first) // day * day, to_us(last)) for first, last in site.recording.labels.intervals]
    hits = [sum(first <= ts <= last for ts in raised) for first, last in leaks]
    assert hits == [1, 1, 2, 1]
    assert len(raised) == 7
    assert sum(ts < to_us(datetime(2020, 4, 1, tzinfo=UTC)) for ts in raised) == 2


def test_the_degradation_rule_raises_only_at_engines_near_their_end() -> None:
    site, contract, plant = _load("turbofan")
    _, events = expected_rows(site, contract, plant)
    raised = {machine for machine, _, _, state in events if state == "raised"}
    truth = read_truth(site, _SITES)
    assert (len(raised), len(events)) == (15, 15)
    assert max(truth[machine] for machine in raised) == 38
    assert {machine for machine, left in truth.items() if left <= 20} - raised == {
        "engine-024",
        "engine-041",
        "engine-042",
        "engine-100",
    }


@pytest.mark.parametrize("name", ["compressor", "turbofan"])
def test_every_expected_value_is_inside_the_contract(name: str) -> None:
    site, contract, plant = _load(name)
    readings, _ = expected_rows(site, contract, plant)
    kind = site.equipment[0].type
    for _, signal, _, value, _ in readings:
        promise = contract.signals[kind, signal.split(":")[0]]
        if value is not None and not signal.partition(":")[2].startswith("count"):
            assert promise.minimum is not None
            assert promise.maximum is not None
            assert promise.minimum <= value <= promise.maximum
