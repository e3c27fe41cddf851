"""What rules remember: of one machine as it is stored, and of all watches as columns while they run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bridge.block import Floats, Ints
from core.contracts.quality import CALCULATED
from core.contracts.reading import Sample

NEVER = np.iinfo(np.int64).min
"""Stands for no time in a column of times."""


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


def load(text: str) -> Memory:
    """What an earlier version remembered of one machine."""
    standing, since, newest, anchor, held, model, row_ts = json.loads(text)
    return Memory(standing, since, newest, tuple(anchor) if anchor else None, held, model, row_ts)


def withdrawn(event: str, machine: str, memory: Memory) -> list[Sample]:
    """What a rule that is no more leaves: an event that stood ends with the newest reading it saw."""
    if not memory.standing or not memory.newest:
        return []
    return [Sample(machine, event, max(memory.newest.values()) + 1, 0.0, None, CALCULATED)]


@dataclass(slots=True)
class State:
    """The same of many watches, a row each; `newest` and `held` have a row for each input of each watch.

    Attributes:
        standing: 1 where the event stands raised.
        since: when the condition began to hold, NEVER while it does not.
        anchor_ts: what a rate or a stuck value is measured from; NEVER before the first value.
        anchor_value: its value.
        average: of a moving average; NaN before the first value.
        row_ts: newest row of a model of several signals.
        newest: newest source time taken, NEVER before the first.
        held: value that no row has taken yet, NaN if there is none.
    """

    standing: Ints
    since: Ints
    anchor_ts: Ints
    anchor_value: Floats
    average: Floats
    row_ts: Ints
    newest: Ints
    held: Floats

    @classmethod
    def of(cls, memories: Sequence[tuple[Memory, Sequence[str]]]) -> State:
        """Columns of memories, each with the names of its inputs."""
        found = [memory for memory, _ in memories]
        anchors = [one.anchor or (NEVER, 0.0) for one in found]
        inputs = [(memory, name) for memory, names in memories for name in names]
        return cls(
            standing=np.array([one.standing for one in found], np.int64),
            since=np.array([NEVER if one.since is None else one.since for one in found], np.int64),
            anchor_ts=np.array([ts for ts, _ in anchors], np.int64),
            anchor_value=np.array([value for _, value in anchors], np.float64),
            average=np.array([one.model[0] if one.model else np.nan for one in found], np.float64),
            row_ts=np.array([one.row_ts for one in found], np.int64),
            newest=np.array([memory.newest.get(name, NEVER) for memory, name in inputs], np.int64),
            held=np.array([memory.held.get(name, np.nan) for memory, name in inputs], np.float64),
        )

    def copy(self) -> State:
        """One that moves on without this one."""
        return State(
            self.standing.copy(),
            self.since.copy(),
            self.anchor_ts.copy(),
            self.anchor_value.copy(),
            self.average.copy(),
            self.row_ts.copy(),
            self.newest.copy(),
            self.held.copy(),
        )

    def part(self, watches: slice, inputs: slice) -> State:
        """The rows of some watches and of their inputs; what is written there is written here."""
        return State(
            self.standing[watches],
            self.since[watches],
            self.anchor_ts[watches],
            self.anchor_value[watches],
            self.average[watches],
            self.row_ts[watches],
            self.newest[inputs],
            self.held[inputs],
        )

    def dump(self) -> bytes:
        """Every number bit for bit: what has a row for each watch, then what has one for each input."""
        whole = (self.standing, self.since, self.anchor_ts, self.row_ts, self.anchor_value, self.average)
        return b"".join(column.tobytes() for column in (*whole, self.newest, self.held))

    @classmethod
    def load(cls, state: bytes, watches: int, width: int) -> State:
        """What was dumped of so many watches with so many inputs each.

        Raises:
            ValueError: it is not that long.
        """
        size = watches * 8
        whole, inputs = state[: 6 * size], state[6 * size :]
        standing, since, anchor_ts, row_ts = np.frombuffer(whole, np.int64, 4 * watches).reshape(4, watches)
        anchor_value, average = np.frombuffer(whole, np.float64, offset=4 * size).reshape(2, watches)
        newest = np.frombuffer(inputs, np.int64, watches * width)
        held = np.frombuffer(inputs, np.float64, watches * width, size * width)
        return cls(standing, since, anchor_ts, anchor_value, average, row_ts, newest, held)

    def memories(self, inputs: Sequence[Sequence[str]]) -> list[Memory]:
        """Machine by machine, given the names of the inputs of each."""
        times, held = iter(self.newest.tolist()), iter(self.held.tolist())
        found: list[Memory] = []
        anchors = zip(self.anchor_ts.tolist(), self.anchor_value.tolist(), strict=True)
        rest = zip(self.average.tolist(), self.row_ts.tolist(), strict=True)
        begun = zip(self.standing.tolist(), self.since.tolist(), strict=True)
        each = zip(inputs, begun, anchors, rest, strict=True)
        for names, (standing, since), anchor, (average, row_ts) in each:
            newest = dict(zip(names, times, strict=False))
            waits = dict(zip(names, held, strict=False))
            found.append(
                Memory(
                    bool(standing),
                    None if since == NEVER else since,
                    {name: ts for name, ts in newest.items() if ts != NEVER},
                    None if anchor[0] == NEVER else anchor,
                    {name: value for name, value in waits.items() if value == value},
                    [] if average != average else [average],
                    row_ts,
                )
            )
        return found
