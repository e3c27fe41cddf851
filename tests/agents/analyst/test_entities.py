"""Machines, signals, fault codes and counts in a clause."""

from __future__ import annotations

from datetime import date

import pytest

from agents.analyst.catalogue import Catalogue, FaultCode, Machine
from agents.analyst.entities import find_entities

DAYS = (date(2024, 1, 1), date(2024, 2, 1))
FLEET = Catalogue(
    machines=tuple(Machine(f"engine-{n:03}", "turbofan", *DAYS) for n in range(1, 101)),
    signals=(("turbofan", "fan_speed"), ("turbofan", "core_speed"), ("turbofan", "oil_temperature:mean:PT6H")),
    codes=(FaultCode("turbofan", "HPC_DEGRADATION", "static pressure behind the compressor too high"),),
)
HOUSE = Catalogue(
    machines=(Machine("compressor-1", "air_compressor", *DAYS), Machine("mixer-7", "mixer", *DAYS)),
    signals=(
        ("air_compressor", "oil_temperature"),
        ("air_compressor", "oil_level_switch"),
        ("air_compressor", "compressor_pressure"),
        ("air_compressor", "reservoir_pressure"),
        ("mixer", "torque"),
    ),
    codes=(FaultCode("air_compressor", "COMPRESSOR_OVERLOAD", "look for an air leak"),),
)


@pytest.mark.parametrize(
    ("text", "machines"),
    [
        ("what about engine-005", ["engine-005"]),
        ("what about engine 5", ["engine-005"]),
        ("what about Engine #5 and engine no. 17", ["engine-005", "engine-017"]),
        ("compare engines 3, 7 and 12", ["engine-003", "engine-007", "engine-012"]),
        ("is turbofan 8 fine", ["engine-008"]),
        ("how is e42", ["engine-042"]),
    ],
)
def test_machines_however_they_are_written(text: str, machines: list[str]) -> None:
    assert find_entities(text, FLEET).machines == machines


def test_names_of_several_words_and_the_number_two_kinds_share() -> None:
    works = Catalogue(
        machines=(
            *(Machine(f"dosing-pump-{n}", "dosing_pump", *DAYS) for n in (1, 2)),
            Machine("sludge-pump-2", "sludge_pump", *DAYS),
        ),
        codes=(FaultCode("dosing_pump", "DRY_RUN", "no flow"),),
    )
    assert find_entities("is dosing pump 2 fine", works).machines == ["dosing-pump-2"]
    assert find_entities("is pump 1 fine", works).machines == ["dosing-pump-1"]
    assert find_entities("is pump 2 fine", works).unknown == ["pump 2"]
    assert find_entities("did dosing pump 1 run dry", works).codes == ["DRY_RUN"]
    assert find_entities("is dosing pump 1 dry", works).codes == []


def test_a_kind_of_machine() -> None:
    assert find_entities("which engines are worst", FLEET).types == ["turbofan"]
    assert find_entities("how is the compressor", HOUSE).machines == ["compressor-1"]
    assert find_entities("the air compressor's oil", HOUSE).machines == ["compressor-1"]


@pytest.mark.parametrize(
    ("text", "catalogue"),
    [("what about engine 105", FLEET), ("what happened to pump-3", FLEET), ("what happened to the boiler", HOUSE)],
)
def test_what_is_not_there_is_said_to_be_unknown(text: str, catalogue: Catalogue) -> None:
    found = find_entities(text, catalogue)
    assert found.unknown and not found.machines


@pytest.mark.parametrize(
    ("text", "signals"),
    [
        ("when was the compressor's oil hottest", ["oil_temperature"]),
        ("the compressor pressure", ["compressor_pressure"]),
        ("the pressure of compressor-1", ["compressor_pressure", "reservoir_pressure"]),
        ("reservoir pressure please", ["reservoir_pressure"]),
        ("how is the compressor", []),
    ],
)
def test_signals(text: str, signals: list[str]) -> None:
    assert find_entities(text, HOUSE).signals == signals


def test_a_signal_that_leaves_only_as_windows_is_found() -> None:
    assert find_entities("how warm was the oil of engine 3", FLEET).signals == ["oil_temperature:mean:PT6H"]


def test_fault_codes_by_their_words() -> None:
    assert find_entities("which engines show degradation of the compressor", FLEET).codes == ["HPC_DEGRADATION"]
    assert find_entities("was it overloaded", HOUSE).codes == ["COMPRESSOR_OVERLOAD"]
    assert find_entities("any alarms on the compressor", HOUSE).codes == []


@pytest.mark.parametrize(
    ("text", "count"),
    [("the five worst engines", 5), ("top 3 engines", 3), ("how is engine 5", None), ("one of the engines", None)],
)
def test_counts(text: str, count: int | None) -> None:
    assert find_entities(text, FLEET).count == count
