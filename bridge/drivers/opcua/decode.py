"""Data values to samples: pure, and one bad value never costs a good one beside it.

Numbers, booleans and enumerations are values; texts, times, identifiers and arrays are texts, arrays as JSON.
Structures are refused by name.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, cast
from uuid import UUID

from asyncua import ua

from bridge.driver import Series
from bridge.scaling import Scaling
from core.contracts.quality import BAD_INDEX_RANGE_NO_DATA, BAD_NO_DATA, BAD_NOT_SUPPORTED, GOOD, is_good
from core.contracts.reading import Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ELEMENTS = 1_024
"""A longer array is no signal; its elements may be."""


# OPC UA Part 4, section 7.39.1: InfoType DataValue with the bit Overflow.
DATA_VALUE, OVERFLOW, _OTHER_INFO = 0x400, 0x80, 0x37F


def overflowed(quality: int) -> bool:
    """True if the server says that values before this one were lost in its queue."""
    return quality & (DATA_VALUE | OVERFLOW) == DATA_VALUE | OVERFLOW


def without_overflow(quality: int) -> int:
    """The code as history would have it."""
    kept = quality & ~OVERFLOW
    return kept if kept & _OTHER_INFO else kept & ~DATA_VALUE


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch; a moment without zone is UTC, as on the wire."""
    delta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a raw value.

    Attributes:
        value: a number.
        text: a text.
        quality: why it is neither; None if nothing is wrong with it.
        refused: the same in words, if somebody has to change something.
    """

    value: float | None = None
    text: str | None = None
    quality: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """How a signal is made of its node's value."""

    scaling: Scaling | None = None
    element: int | None = None


_AS_IT_IS = Rule()


class Decoder:
    """Turns the data values of a site's signals into samples."""

    def __init__(self, rules: Mapping[Series, Rule]) -> None:
        self._rules = {series: rule for series, rule in rules.items() if rule != _AS_IT_IS}
        self._refused: dict[Series, str] = {}
        self._news: list[Series] = []

    def news(self) -> list[tuple[Series, str]]:
        """Signals that turned out since the last call to hold what no reading can, with the reason."""
        news, self._news = self._news, []
        return [(series, self._refused[series]) for series in news]

    def rule(self, series: Series) -> Rule:
        """How a signal is made of its node's value."""
        return self._rules.get(series, _AS_IT_IS)

    def sample(self, series: Series, data: ua.DataValue) -> Sample:
        """One sample; source time, else the server's, else now."""
        moment: datetime | None = data.SourceTimestamp or data.ServerTimestamp
        ts_us = to_us(moment) if moment is not None else time.time_ns() // 1000
        quality = GOOD if data.StatusCode is None else int(data.StatusCode.value)
        raw = data.Value.Value if data.Value is not None else None
        rule = self._rules.get(series)
        taken = take(raw) if rule is None else _ruled(raw, rule)
        if taken.refused is not None and series not in self._refused:
            self._refused[series] = taken.refused
            self._news.append(series)
        if is_good(quality):
            if taken.quality is not None:
                quality = taken.quality
            elif taken.value is None and taken.text is None:
                quality = BAD_NO_DATA
        return Sample(series[0], series[1], ts_us, taken.value, taken.text, quality)


def _ruled(raw: Any, rule: Rule) -> Taken:
    if rule.element is not None and raw is not None:
        elements = cast("list[Any]", raw) if isinstance(raw, list) else []
        if rule.element >= len(elements):
            held = f"an array of {len(elements)}" if isinstance(raw, list) else "no array"
            return Taken(quality=BAD_INDEX_RANGE_NO_DATA, refused=f"no element {rule.element} in {held}")
        raw = elements[rule.element]
    taken = take(raw)
    if rule.scaling is not None and taken.value is not None:
        return replace(taken, value=rule.scaling.apply(taken.value))
    return taken


def take(raw: Any) -> Taken:
    """A number, a text, nothing, or why it is none of them."""
    if raw is None:
        return Taken()
    if isinstance(raw, (bool, int, float)):
        return Taken(float(raw))
    if isinstance(raw, Enum):
        return Taken(float(raw.value))
    plain = _plain(raw)
    if plain is not None:
        return Taken(text=plain)
    if isinstance(raw, list):
        return _array(cast("list[Any]", raw))
    return Taken(quality=BAD_NOT_SUPPORTED, refused=f"a structure, {type(raw).__name__}")


def _plain(raw: Any) -> str | None:
    """Scalars that are written out; None for anything else."""
    match raw:
        case str():
            return raw
        case datetime():
            return (raw if raw.tzinfo else raw.replace(tzinfo=UTC)).isoformat()
        case bytes():
            return b64encode(raw).decode()
        case UUID():
            return str(raw)
        case ua.LocalizedText():
            return raw.Text or ""
        case ua.QualifiedName() | ua.NodeId():
            return raw.to_string()
        case ua.StatusCode():
            return raw.name
        case _:
            return None


def _array(elements: list[Any]) -> Taken:
    if len(elements) > _MOST_ELEMENTS:
        return Taken(quality=BAD_NOT_SUPPORTED, refused=f"an array of {len(elements)}, more than {_MOST_ELEMENTS}")
    made: list[Any] = []
    for one in elements:
        taken = take(one)
        if taken.refused is not None:
            return Taken(quality=BAD_NOT_SUPPORTED, refused=f"an array with {taken.refused}")
        made.append(one if isinstance(one, (bool, int, float)) else taken.text if taken.value is None else taken.value)
    return Taken(text=json.dumps(made, ensure_ascii=False, separators=(",", ":")))
