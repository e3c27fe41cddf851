from typing import Any

import pytest
import yaml

from core.contracts.diff import diff, needs_major_version
from core.contracts.odcs import parse_contract

RULE = {
    "name": "hot", "equipment_type": "pump", "signal": "heat", "raise_when": ">", "threshold": 80, "fault_code": "HOT",
    "severity": 70, "message": "too hot",
}  # fmt: skip


def contract(version: str = "1.0.0", *, kind: str = "number", limits: object = None, **custom: object):
    """A pump whose flow has the given custom properties, and a rule on its heat."""
    rules = custom.pop("rules", [RULE])
    flow: dict[str, Any] = {
        "name": "flow",
        "logicalType": kind,
        "logicalTypeOptions": limits or {"minimum": 0, "maximum": 10},
        "customProperties": [{"property": key, "value": value} for key, value in custom.items()],
    }
    document = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": version,
        "schema": [{"name": "pump", "properties": [flow, {"name": "heat"}]}],
        "customProperties": [{"property": "rules", "value": rules}],
    }  # fmt: skip
    return parse_contract(yaml.safe_dump(document), where="c.yaml")


WINDOW = {"every": "PT1H", "aggregates": ["mean", "max"]}
LATE = WINDOW | {"lateness": "PT5M"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, []),
        ({"windows": [WINDOW]}, {}, ["breaking pump.flow:max:PT1H", "breaking pump.flow:mean:PT1H"]),
        ({}, {"windows": [WINDOW]}, ["new pump.flow:max:PT1H", "new pump.flow:mean:PT1H"]),
        ({"windows": [WINDOW]}, {"windows": [WINDOW], "forward": False}, ["breaking pump.flow"]),
        ({"windows": [WINDOW]}, {"windows": [WINDOW | {"aggregates": ["mean", "time_weighted_mean"]}]},
         ["breaking pump.flow:max:PT1H", "new pump.flow:time_weighted_mean:PT1H"]),
        ({"windows": [WINDOW]}, {"windows": [WINDOW | {"every": "PT2H"}]}, [
            "breaking pump.flow:max:PT1H", "breaking pump.flow:mean:PT1H",
            "new pump.flow:max:PT2H", "new pump.flow:mean:PT2H"]),
        ({"windows": [LATE]}, {"windows": [WINDOW]}, ["thinning pump.flow:max:PT1H", "thinning pump.flow:mean:PT1H"]),
        ({"windows": [WINDOW]}, {"windows": [LATE]}, ["new pump.flow:max:PT1H", "new pump.flow:mean:PT1H"]),
        ({"forward": False, "windows": [WINDOW]}, {"windows": [WINDOW]}, ["new pump.flow"]),
        ({}, {"deadband": {"absolute": 1}}, ["thinning pump.flow"]),
        ({}, {"sampling": "PT1M"}, ["thinning pump.flow"]),
        ({"unit": "l/min"}, {"unit": "m**3/h"}, ["breaking pump.flow"]),
        ({"kind": "string"}, {"kind": "number"}, ["breaking pump.flow"]),
        ({"kind": "number"}, {"kind": "string"}, ["new pump.flow"]),
        ({"limits": {"minimum": 0}}, {"limits": {"minimum": 1}}, ["breaking pump.flow"]),
        ({"limits": {"minimum": 1}}, {"limits": {"minimum": 0}}, ["new pump.flow"]),
        ({"limits": {"maximum": 9}}, {"limits": {"minimum": 0}}, ["breaking pump.flow", "new pump.flow"]),
        ({"deadband": {"absolute": 1}}, {"deadband": {"absolute": 2}}, ["thinning pump.flow"]),
        ({"deadband": {"absolute": 2}}, {"deadband": {"absolute": 1}}, ["new pump.flow"]),
        ({"deadband": {"absolute": 2}}, {"deadband": {"percent": 1}}, ["thinning pump.flow"]),
        ({"deadband": {"percent": 2}}, {"deadband": {"percent": 1}}, ["new pump.flow"]),
        ({"deadband": {"absolute": 2}}, {}, ["new pump.flow"]),
        ({"sampling": "PT1M"}, {"sampling": "PT10M"}, ["thinning pump.flow"]),
        ({"sampling": "PT1M"}, {}, ["new pump.flow"]),
        ({}, {"rules": []}, ["breaking rule hot"]),
        ({"rules": []}, {}, ["new rule hot"]),
        ({}, {"rules": [RULE | {"fault_code": "WARM"}]}, ["breaking rule hot"]),
        ({}, {"rules": [RULE | {"threshold": 90}]}, ["breaking rule hot"]),
        ({}, {"rules": [RULE | {"clear_at": 70}]}, ["breaking rule hot"]),
        ({}, {"rules": [RULE | {"severity": 90}]}, ["breaking rule hot"]),
        ({}, {"rules": [RULE | {"signal": "flow"}]}, ["breaking rule hot"]),
        ({}, {"rules": [RULE | {"message": "much too hot"}]}, []),
    ],
)  # fmt: skip
def test_every_change_has_its_effect(old: dict[str, Any], new: dict[str, Any], expected: list[str]):
    changes = diff(contract(**old), contract(**new))
    assert [f"{change.effect.value} {change.thing}" for change in changes] == expected


def test_a_signal_that_is_listed_no_more_breaks_its_readers():
    shorter = contract()
    withheld = parse_contract(
        shorter.source.replace("- name: heat", "- name: steam").replace("signal: heat", "signal: steam"), where="c.yaml"
    )
    said = [(change.effect.value, change.thing, change.said) for change in diff(shorter, withheld)]
    assert ("breaking", "pump.heat", "leaves no more") in said
    assert said[-1] == ("new", "pump.steam", "leaves now")


@pytest.mark.parametrize(("version", "needed"), [("1.0.1", True), ("1.9", True), ("2.0.0", False), ("v3", False)])
def test_a_breaking_change_raises_the_first_number(version: str, needed: bool):
    assert needs_major_version(contract("1.0.0"), contract(version, unit="bar")) is needed


def test_a_harmless_change_needs_no_new_first_number():
    assert not needs_major_version(contract(), contract(windows=[WINDOW]))
