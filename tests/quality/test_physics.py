"""What is possible, and how exact a sensor is."""

from __future__ import annotations

import pytest

from quality.physics import Possible, possible


@pytest.mark.parametrize(
    ("unit", "value", "fits"),
    [
        ("degC", -273.0, True), ("degC", -274.0, False), ("degF", -459.0, True), ("degF", -470.0, False),
        ("bar", -0.02, True), ("bar", -1.0, True), ("bar", -1.2, False), ("kPa", -120.0, False),
        ("l/min", -0.05, True), ("l/min", -5.0, False), ("m^3/hour", -0.003, True), ("m^3/hour", -1.0, False),
        ("kg/s", -1.0, False), ("A", -5.0, True), ("1", -5.0, True), ("lb/s/psi", -5.0, True),
        ("delta_degC", -5.0, True),
    ],
)  # fmt: skip
def test_a_quantity_has_a_floor_in_any_unit(unit: str, value: float, fits: bool) -> None:
    floor = possible(unit, None, None, None).floor
    assert (floor is None or value >= floor) is fits


def test_a_contract_lowers_a_limit_of_direction_and_no_other() -> None:
    assert possible("l/min", None, -50.0, 50.0).floor is None
    assert possible("degC", None, -500.0, 50.0).floor == pytest.approx(-273.15, abs=3)


def test_a_sensor_may_miss_its_limits_by_its_accuracy() -> None:
    assert possible("bar", None, 0.0, 10.0).tolerance == pytest.approx(0.05)
    assert possible("bar", None, 0.0, None).tolerance == pytest.approx(0.02)
    assert possible("A", None, 0.0, None) == Possible(0.0)


def test_roles_have_limits_of_their_own() -> None:
    running, count = possible("1", "running", None, None), possible("1", "count", None, None)
    assert (running.floor, running.ceiling) == (-0.05, 1.05)
    assert (count.floor, count.ceiling) == (0.0, None)
