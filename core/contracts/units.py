"""Units are spelled as pint spells them, plus `g0` for standard gravity."""

from __future__ import annotations

from functools import cache

from core.errors import InputError

_GRAVITY_WORDS = ("accel", "vibration")

KNOWN = frozenset(
    (
        *(
            "%",
            "percent",
            "A",
            "mA",
            "V",
            "mV",
            "kV",
            "W",
            "kW",
            "kohm",
            "Hz",
            "rpm",
            "bar",
            "mbar",
            "Pa",
            "kPa",
            "psi",
        ),
        *("K", "degC", "degF", "degR", "kg", "kg/h", "kg/s", "lb/s", "lb/s/psi", "l/h", "l/min", "l/s", "m^3/h"),
        *("um", "mm", "m", "mm/s", "m/s", "m/s^2", "g0", "s", "min", "h", "cycle"),
    )
)
"""Units that pint need not be asked about: loading it takes every process that reads a site half a second."""


@cache
def _registry():  # pint's registry type is generated at run time
    import pint

    registry = pint.UnitRegistry()
    # pint's `g` is the gram; `g0` is the standard acceleration of free fall (ISO 80000-3).
    if "g0" not in registry:
        registry.define("g0 = 9.80665 * meter / second ** 2")
    return registry


def read_unit(text: str, *, signal: str, where: str) -> tuple[str, str | None]:
    """A unit as the product writes it, and a warning if it was mended.

    Args:
        text: the unit as the file spells it; `1` or an empty text is dimensionless.
        signal: the signal it belongs to: `g` on an acceleration or vibration is read as `g0`.
        where: file named in the error.

    Raises:
        InputError: pint does not know the unit.
    """
    if text in ("", "1"):
        return "1", None
    if text == "g" and any(word in signal.lower() for word in _GRAVITY_WORDS):
        return "g0", f"{where}: unit 'g' of signal {signal!r} is read as g0 (standard gravity); write g0"
    if text in KNOWN:
        return text, None
    try:
        _registry().parse_units(text)
    except Exception as error:  # pint raises its own, tokenize's and Python's errors on odd text
        raise InputError(
            f"unknown unit of signal {signal!r}",
            expected="a unit that pint knows, for example bar, degC, A, l/min",
            received=text,
            where=where,
            next_step="correct `unit` in the site file",
        ) from error
    return text, None


def convert_factor(source: str, target: str) -> tuple[float, float]:
    """`(scale, offset)` with `target = source * scale + offset`.

    Raises:
        InputError: the two units measure different things.
    """
    if source == target:
        return 1.0, 0.0
    import pint

    registry = _registry()
    try:
        zero = registry.Quantity(0.0, source).to(target).magnitude
        one = registry.Quantity(1.0, source).to(target).magnitude
    except pint.DimensionalityError as error:
        raise InputError("units measure different things", expected=f"a unit like {source}", received=target) from error
    return float(one - zero), float(zero)


def same_quantity(one: str, other: str) -> bool:
    """True when two units measure the same physical quantity: `bar` and `psi`, but not `bar` and `A`.

    Both are units that `read_unit` has let pass.
    """
    first, second = (_registry().parse_units("" if unit == "1" else unit) for unit in (one, other))
    return first.dimensionality == second.dimensionality
