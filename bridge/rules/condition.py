"""Conditions on good values in order of source time: where they stand, and the moments they begin and end to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bridge.rules.form import Limits, Rate, Stuck, us_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_S = 1_000_000


@dataclass(slots=True)
class Memory:
    """What one rule remembers of one machine.

    Attributes:
        standing: the event stands raised.
        since: when the condition began to hold without a break; None while it does not.
        newest: newest source time taken of each input.
        anchor: (source time, value) that a rate or a stuck value is measured from.
        held: newest value of each input that no row has taken yet.
        model: numbers a model goes on from.
        row_ts: source time of the newest row of a model of several signals.
    """

    standing: bool = False
    since: int | None = None
    newest: dict[str, int] = field(default_factory=dict[str, int])
    anchor: tuple[int, float] | None = None
    held: dict[str, float] = field(default_factory=dict[str, float])
    model: list[float] = field(default_factory=list[float])
    row_ts: int = 0

    def dump(self) -> str:
        """JSON; every number comes back bit for bit."""
        return json.dumps([self.standing, self.since, self.newest, self.anchor, self.held, self.model, self.row_ts])

    @classmethod
    def load(cls, text: str) -> Memory:
        """What was dumped."""
        standing, since, newest, anchor, held, model, row_ts = json.loads(text)
        return cls(standing, since, newest, tuple(anchor) if anchor else None, held, model, row_ts)


def beyond(limits: Limits, values: Floats) -> tuple[Bools, Bools]:
    """Where values are beyond a limit, and where they are back by the hysteresis."""
    hot = np.zeros(len(values), dtype=np.bool_)
    cool = np.ones(len(values), dtype=np.bool_)
    if limits.above is not None:
        hot |= values > limits.above
        cool &= values <= limits.above - limits.hysteresis
    if limits.below is not None:
        hot |= values < limits.below
        cool &= values >= limits.below + limits.hysteresis
    return hot, cool


def crossings(limits: Limits, memory: Memory, ts: Ints, values: Floats) -> list[tuple[int, bool]]:
    """(source time, raised) of every change."""
    if not memory.standing and (
        not len(ts)
        or (
            (limits.above is None or values.max() <= limits.above)
            and (limits.below is None or values.min() >= limits.below)
        )
    ):
        memory.since = None if len(ts) else memory.since
        return []
    return changes(memory, ts, *beyond(limits, values), us_of(limits.lasting))


def rates(rate: Rate, memory: Memory, ts: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Change a second at each moment one is known."""
    if memory.anchor is None:
        memory.anchor = (int(ts[0]), float(values[0]))
        ts, values = ts[1:], values[1:]
    over = us_of(rate.over)
    if over:
        return _rates_over(over, memory, memory.anchor, ts, values)
    all_ts = np.concatenate(([memory.anchor[0]], ts))
    all_values = np.concatenate(([memory.anchor[1]], values))
    if len(ts):
        memory.anchor = (int(ts[-1]), float(values[-1]))
    return ts, np.diff(all_values) * _S / np.diff(all_ts)


def _rates_over(over: int, memory: Memory, anchor: tuple[int, float], ts: Ints, values: Floats) -> tuple[Ints, Floats]:
    at = int(np.searchsorted(ts, anchor[0] + over))
    places: list[int] = []
    found: list[float] = []
    while at < len(ts):
        moment, value = int(ts[at]), float(values[at])
        places.append(at)
        found.append((value - anchor[1]) * _S / (moment - anchor[0]))
        anchor = memory.anchor = (moment, value)
        at = int(np.searchsorted(ts, moment + over))
    return ts[places], np.array(found)


def stuck(rule: Stuck, memory: Memory, ts: Ints, values: Floats) -> tuple[Bools, Bools]:
    """Where values have not left their distance for long enough, and where they have."""
    since, value = memory.anchor or (int(ts[0]), float(values[0]))
    if rule.within == 0:
        changed = np.diff(values, prepend=value) != 0
        anchors = np.maximum.accumulate(np.where(changed, ts, since))
        memory.anchor = (int(anchors[-1]), float(values[-1]))
    else:
        anchors = np.empty(len(ts), dtype=np.int64)
        for place, (moment, one) in enumerate(zip(ts.tolist(), values.tolist(), strict=True)):
            if abs(one - value) > rule.within:
                since, value = moment, one
            anchors[place] = since
        memory.anchor = (since, value)
    hot = ts - anchors >= us_of(rule.lasting)
    return hot, ~hot


def changes(memory: Memory, ts: Ints, hot: Bools, cool: Bools, lasting_us: int) -> list[tuple[int, bool]]:
    """(source time, raised) of every change."""
    if memory.standing and not cool.any():
        return []
    if not memory.standing and not hot.any():
        memory.since = None
        return []
    found: list[tuple[int, bool]] = []
    for moment, is_hot, is_cool in zip(ts.tolist(), hot.tolist(), cool.tolist(), strict=True):
        if memory.standing:
            if is_cool:
                memory.standing, memory.since = False, None
                found.append((moment, False))
        elif not is_hot:
            memory.since = None
        else:
            if memory.since is None:
                memory.since = moment
            if moment - memory.since >= lasting_us:
                memory.standing = True
                found.append((moment, True))
    return found
