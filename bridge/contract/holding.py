"""The time-weighted mean: every reading holds its value until the next one, and one that is not good holds nothing.

This is OPC UA's TimeAverage2 (Part 13, stepped, simple bounding values): what stood before a window holds into it. A
reading older than the allowed lateness behind the newest holds no time, so that only as many have to be remembered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Protocol

Point = tuple[int, float | None]
"""Source time in microseconds, and the value that holds from then on; None if it is not good."""


class Held(Protocol):
    """Takes time that a value held."""

    def hold(self, span_us: int, value: float) -> None:
        """`value` held for `span_us`."""
        ...


def insert(points: list[Point], point: Point) -> None:
    """Put a point in its place; of two at one time the later to come counts."""
    at = bisect_left(points, point[0], key=lambda one: one[0])
    if at < len(points) and points[at][0] == point[0]:
        points[at] = point
    else:
        points.insert(at, point)


def settle(points: list[Point], every_us: int, open_windows: Mapping[int, Held], horizon_us: int) -> None:
    """Give the time between points that no reading can come between any more to its windows, and forget it."""
    done = 0
    while done + 1 < len(points) and points[done + 1][0] <= horizon_us:
        for start in sorted(open_windows):
            _give(points[done], points[done + 1][0], start, start + every_us, open_windows[start])
        done += 1
    del points[:done]


def finish(points: list[Point], start_us: int, end_us: int, window: Held) -> None:
    """Give a window that closes the rest of its time; the last point holds to its end."""
    for place, point in enumerate(points):
        until = points[place + 1][0] if place + 1 < len(points) else end_us
        _give(point, until, start_us, end_us, window)


def _give(point: Point, until_us: int, start_us: int, end_us: int, window: Held) -> None:
    since, value = point
    span = min(until_us, end_us) - max(since, start_us)
    if span > 0 and value is not None:
        window.hold(span, value)
