"""What a benchmark reports, and the pairing that makes shared, noisy machines comparable."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Claim:
    """One measured claim; `ratio` is a cost (ours / baseline), lower is better.

    `kind` is `ratio` (against a baseline or peer of the same run) or `budget` (against an absolute limit).
    """

    name: str
    kind: Literal["ratio", "budget"]
    ours: float
    baseline: float
    ratio: float
    target: float
    ok: bool

    def as_dict(self) -> dict[str, object]:
        """The claim as the last line of `make bench` carries it."""
        return asdict(self)


def paired(
    name: str, ours: Callable[[], object], baseline: Callable[[], object], *, target: float, pairs: int = 5
) -> Claim:
    """Run the two in turn, A B A B …, after one uncounted pair; medians in seconds."""
    ours()
    baseline()
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(pairs):
        mine.append(_seconds(ours))
        theirs.append(_seconds(baseline))
    a, b = statistics.median(mine), statistics.median(theirs)
    return Claim(name, "ratio", round(a, 6), round(b, 6), round(a / b, 4), target, a / b <= target)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def alternating(
    name: str,
    ours: Callable[[], Awaitable[object]],
    baseline: Callable[[], Awaitable[object]],
    *,
    target: float,
    pairs: int,
    calls: int,
) -> Claim:
    """Run bursts of the two in turn, after three uncounted pairs; medians in seconds a call.

    Which of the two goes first changes, so that neither always follows the other's checkpoint.
    """
    mine: list[float] = []
    theirs: list[float] = []
    for pair in range(-3, pairs):
        for work, kept in ((ours, mine), (baseline, theirs)) if pair % 2 else ((baseline, theirs), (ours, mine)):
            seconds = await _burst(work, calls)
            if pair >= 0:
                kept.append(seconds)
    a, b = statistics.median(mine), statistics.median(theirs)
    return Claim(name, "ratio", round(a, 7), round(b, 7), round(a / b, 4), target, a / b <= target)


async def _burst(work: Callable[[], Awaitable[object]], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        await work()
    return (time.perf_counter() - started) / calls
