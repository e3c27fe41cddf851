"""How results are said in plain sentences: numbers, moments, periods, lists. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime


def number(value: float) -> str:
    """Four significant digits, no exponent, no separators: 0.0123, 76.31, 4805."""
    if abs(value) >= 1000 or value == int(value):
        return f"{value:.0f}"
    if abs(value) < 0.001:
        return f"{value:.6f}".rstrip("0")
    return f"{value:.4g}"


def quantity(value: float, unit: str | None) -> str:
    """A number with its unit; `1` is no unit."""
    return number(value) if unit in (None, "", "1") else f"{number(value)} {unit}"


def moment(value: datetime) -> str:
    """UTC to the minute: `2020-04-18 13:00`."""
    utc = value.astimezone(UTC) if value.tzinfo else value
    return utc.strftime("%Y-%m-%d %H:%M")


def period(first: date | None, last: date | None) -> str:
    """`on …`, `from … to …`, or nothing if both ends are open."""
    if first and last:
        return f"on {first}" if first == last else f"from {first} to {last}"
    if first:
        return f"since {first}"
    return f"until {last}" if last else "in all recorded data"


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """A text that begins a sentence: the first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]


def counted(count: int, noun: str) -> str:
    """`1 episode`, `2 episodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def readable(name: str) -> str:
    """`motor_current` as `motor current`; a window signal keeps saying what it is."""
    base, _, window = name.partition(":")
    words = base.replace("_", " ")
    return f"{words} ({window.replace(':', ' per ')})" if window else words
