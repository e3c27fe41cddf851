"""Tags of a training pair, from facts alone: units say which quantity moved, no rule knows a machine by name."""

from __future__ import annotations

import math

from assets.incidents import Incident, Kind
from core.contracts.units import same_quantity

UNEXPLAINED = "unexplained"
INTERNAL = "internal"
"""Level of use of every draft: it stays with its tenant until a reviewer decides otherwise."""

_QUANTITIES = {
    "ratio": "1",
    "temperature": "degC",
    "pressure": "bar",
    "current": "A",
    "voltage": "V",
    "power": "W",
    "volume flow": "l/min",
    "mass flow": "kg/s",
    "speed": "rpm",
    "acceleration": "g0",
    "velocity": "m/s",
    "displacement": "m",
    "force": "N",
    "torque": "N*m",
}
"""Quantity by a unit that measures it; `N*m` is a torque here, since no machine reports energy in it."""
_ELECTRICAL = frozenset({"current", "voltage", "power"})


def quantity(unit: str) -> str:
    """The quantity that a unit measures; `process` if it is none of the known."""
    return next((name for name, known in _QUANTITIES.items() if same_quantity(unit, known)), "process")


def fault_category(incident: Incident) -> str:
    """The quantity of the signal that was furthest from its baseline; `unexplained` if none was looked at."""
    return quantity(incident.deviations[0].unit) if incident.deviations else UNEXPLAINED


def department(incident: Incident) -> str:
    """Who should review it: controls engineering what no physical quantity or only an electrical one explains."""
    category = fault_category(incident)
    if category in _ELECTRICAL or (category == UNEXPLAINED and incident.kind is Kind.FAULT):
        return "controls_engineering"
    return "maintenance"


def confidence(incident: Incident) -> float:
    """How much the evidence carries the draft, 0 to 1.

    Half of it comes from the strongest deviation (`1 - exp(-spreads / 6)`), a quarter from a second signal that moved
    as well, a quarter from the fault having come before. A draft nobody has reviewed never reaches 0.9.
    """
    sizes = [abs(one.spreads) for one in incident.deviations]
    first = 1 - math.exp(-sizes[0] / 6) if sizes else 0.0
    second = 1 - math.exp(-sizes[1] / 6) if len(sizes) > 1 else 0.0
    before = 1.0 if incident.occurrence > 1 else 0.0
    return round(min(0.9, 0.5 * first + 0.25 * second + 0.25 * before), 3)
