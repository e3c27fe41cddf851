"""Which days of which assets to build when days of bronze were touched. Pure.

A table over day d reads its inputs from d minus its lookback on, so a touched day reaches as many days forward as the
lookbacks on the way to a table add up to, as far as there is data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Assets that are built over the same days.

    Attributes:
        keys: the assets.
        ranges: contiguous runs of days, first and last.
    """

    keys: tuple[Key, ...]
    ranges: tuple[tuple[date, date], ...]


def reaches(upstream: Mapping[Key, Iterable[Key]], lookback: Mapping[Key, int]) -> dict[Key, int]:
    """How many days forward a touched day of bronze reaches for each asset.

    Args:
        upstream: direct inputs of each asset; keys that are no assets themselves reach zero days.
        lookback: days before a day that an asset reads as well; zero where absent.
    """
    found: dict[Key, int] = {}

    def reach(key: Key) -> int:
        if key not in found:
            inputs = [reach(one) for one in upstream.get(key, ())]
            found[key] = lookback.get(key, 0) + max(inputs, default=0)
        return found[key]

    return {key: reach(key) for key in upstream}


def affected_days(touched: Iterable[date], reach_days: int, available: Iterable[date]) -> list[date]:
    """The touched days, and those after them within reach that have data."""
    starts = sorted(set(touched))

    def is_reached(day: date) -> bool:
        place = bisect_right(starts, day)
        return place > 0 and (day - starts[place - 1]).days <= reach_days

    return sorted({*starts, *filter(is_reached, available)})


def contiguous(days: Iterable[date]) -> list[tuple[date, date]]:
    """Runs of days without a hole, first and last of each."""
    runs: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def stages(touched: Sequence[date], available: Sequence[date], reach: Mapping[Key, int]) -> list[Stage]:
    """What to build, inputs before what reads them; assets over the same days share a stage.

    An asset never reaches less far than its inputs, so ordering by reach orders by lineage.
    """
    by_ranges: dict[tuple[tuple[date, date], ...], list[Key]] = {}
    for key in sorted(reach, key=lambda one: (reach[one], one)):
        by_ranges.setdefault(tuple(contiguous(affected_days(touched, reach[key], available))), []).append(key)
    return [Stage(tuple(keys), ranges) for ranges, keys in by_ranges.items() if ranges]
