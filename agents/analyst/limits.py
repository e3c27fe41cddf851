"""Limits in a clause: `above 80 degrees`, `within 10 cycles`, `less than 20 left`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"(?P<n>[-−]?\d+(?:\.\d+)?)"
_ABOVE = re.compile(
    rf"\b(?:above|over|exceed(?:ed|s|ing)?|more\s+than|higher\s+than|greater\s+than|hotter\s+than|beyond)\s+(?:the\s+)?{_NUMBER}\b",
    re.IGNORECASE,
)
_BELOW = re.compile(
    rf"\b(?:below|under|less\s+than|lower\s+than|fewer\s+than|colder\s+than|within|at\s+most)\s+(?:the\s+(?:next\s+)?)?{_NUMBER}\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What was said, and the clause with `so many` in place of the numbers."""

    text: str
    above: float | None = None
    below: float | None = None


def find_limits(text: str) -> Limits:
    """Limits of a clause whose periods have been taken out."""
    above, below = _ABOVE.search(text), _BELOW.search(text)
    for pattern in (_ABOVE, _BELOW):
        text = pattern.sub(lambda match: match[0].replace(match["n"], "so many"), text)
    return Limits(text, _value(above), _value(below))


def _value(match: re.Match[str] | None) -> float | None:
    return float(match["n"].replace("−", "-")) if match else None
