"""What is possible at all, by the quantity a unit measures and the role of a signal; how exact sensors are. Pure.

A contract says what a site promises; this says what no site can promise. Limits of direction yield to a contract that
names a lower minimum: a meter that measures both ways is contracted so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from core.contracts.units import convert_factor, same_quantity

SPAN_TOLERANCE = 0.005
"""Share of the contract's span by which a value may pass its limits: the accuracy class of plant transmitters."""
_ROLE_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Quantity:
    """One physical quantity.

    Attributes:
        name: in words.
        unit: the unit of the figures below.
        floor: nothing lies below.
        why: reason of the floor, in words.
        zero: by how much a sensor at rest may miss zero.
        directed: whether the floor is one of direction, which a contract may lower.
    """

    name: str
    unit: str
    floor: float
    why: str
    zero: float
    directed: bool = False


QUANTITIES = (
    Quantity("temperature", "K", 0.0, "nothing is colder than absolute zero", 0.0),
    Quantity("pressure", "bar", -1.01325, "no gauge reads below a perfect vacuum", 0.02),
    Quantity("volume flow", "l/min", 0.0, "no pump runs at negative flow", 0.1, directed=True),
    Quantity("mass flow", "kg/min", 0.0, "no pump runs at negative flow", 0.1, directed=True),
)


@dataclass(frozen=True, slots=True)
class Possible:
    """What a signal can be: in its own unit, None where nothing is known.

    Attributes:
        tolerance: by how much a value may pass the contract's limits.
        floor: below is impossible, tolerance included.
        ceiling: above is impossible, tolerance included.
        why: the reason, in words.
    """

    tolerance: float
    floor: float | None = None
    ceiling: float | None = None
    why: str | None = None


@cache
def possible(unit: str, role: str | None, minimum: float | None, maximum: float | None) -> Possible:
    """What a signal of a unit and role can be under a contract's limits.

    Args:
        unit: unit of the values, as pint spells it.
        role: its role in the key figures, if it has one.
        minimum: the contract's lower limit.
        maximum: the contract's upper limit.
    """
    spanned = SPAN_TOLERANCE * (maximum - minimum) if minimum is not None and maximum is not None else 0.0
    match role:
        case "running":
            share = "a signal with role running is between 0 and 1"
            return Possible(spanned, -_ROLE_TOLERANCE, 1 + _ROLE_TOLERANCE, share)
        case "count" | "good":
            return Possible(spanned, 0.0, None, "a counter is never negative")
        case _:
            pass
    difference = unit.startswith("delta_")
    known = next((one for one in QUANTITIES if not difference and same_quantity(one.unit, unit)), None)
    if known is None:
        return Possible(spanned)
    scale, offset = convert_factor(known.unit, unit) if known.unit != unit else (1.0, 0.0)
    tolerance = max(spanned, known.zero * scale)
    floor = known.floor * scale + offset - tolerance
    if known.directed and minimum is not None and minimum - tolerance < floor:
        return Possible(tolerance)
    return Possible(tolerance, floor, None, known.why)
