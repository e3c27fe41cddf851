"""One step of the rules: journaled readings and what is remembered in, events and scores out. No clock, no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bridge.block import Bools
from bridge.contract.columns import Columns
from bridge.driver import Series
from bridge.rules.condition import changes
from bridge.rules.inputs import Fresh, Inputs
from bridge.rules.kinds import Measure, measure_of
from bridge.rules.layout import Group, Layout
from bridge.rules.measure import Rows
from bridge.rules.memory import Memory, State
from bridge.rules.plan import Watch
from core.contracts.quality import CALCULATED
from core.contracts.reading import Sample


class Engine:
    """Rules of a site, all watches at once.

    Args:
        watches: one for each rule and machine.
        memories: of each of them.
    """

    def __init__(self, watches: Sequence[Watch], memories: Mapping[Series, Memory]) -> None:
        self._layout = Layout.of(watches)
        self._state = State.of([(memories[one.key], one.rule.inputs) for one in self._layout.watches])
        self._inputs = Inputs(self._layout.series)
        self._measures = [(group, measure_of(group, self._layout)) for group in self._layout.groups]
        self._touched = np.ones(len(watches), np.bool_)

    def look(self, columns: Columns) -> list[Sample]:
        """Hold one step's readings against every rule; what is remembered moves on, or stays if this fails."""
        state = self._state.copy()
        fresh = self._inputs.of(columns, state.newest)
        measured = [rows for group, measure in self._measures if len(rows := _measured(group, measure, fresh, state))]
        found: list[Sample] = []
        if measured:
            rows = _stacked(measured)
            found = self._events(rows, *changes(self._layout.limits, rows, state)) + self._scores(rows)
        self._state = state
        self._touched[self._layout.watch_of[fresh.input]] = True
        return found

    def memories(self) -> dict[Series, Memory]:
        """What is remembered now."""
        watches = self._layout.watches
        found = self._state.memories([one.rule.inputs for one in watches])
        return dict(zip((one.key for one in watches), found, strict=True))

    def moved(self) -> list[tuple[tuple[Watch, ...], State]]:
        """What rules remember, with their watches; of those rules to whose machines something came since `settle`."""
        return [
            (self._layout.watches[watches], self._state.part(watches, inputs))
            for watches, inputs in self._layout.rules.values()
            if self._touched[watches].any()
        ]

    def settle(self) -> None:
        """What has moved is stored."""
        self._touched[:] = False

    def _events(self, rows: Rows, at: npt.NDArray[np.intp], raised: Bools) -> list[Sample]:
        watches = [self._layout.watches[place] for place in rows.watch[at].tolist()]
        told = zip(watches, rows.ts[at].tolist(), raised.tolist(), strict=True)
        return [Sample(one.machine, one.rule.event, ts, float(up), None, CALCULATED) for one, ts, up in told]

    def _scores(self, rows: Rows) -> list[Sample]:
        if not self._layout.scored.any():
            return []
        rows = rows.take(self._layout.scored[rows.watch])
        watches = [self._layout.watches[place] for place in rows.watch.tolist()]
        told = zip(watches, rows.ts.tolist(), rows.value.tolist(), strict=True)
        return [Sample(one.machine, one.rule.outputs[1], ts, score, None, CALCULATED) for one, ts, score in told]


def _measured(group: Group, measure: Measure, fresh: Fresh, state: State) -> Rows:
    """Measures of one kind, under the places that its watches have among all."""
    mine = fresh.of(group.inputs)
    if not len(mine.input):
        return Rows(mine.input, mine.ts, mine.value)
    rows = measure(mine, state.part(group.watches, group.inputs))
    return Rows(rows.watch + group.watches.start, rows.ts, rows.value)


def _stacked(found: Sequence[Rows]) -> Rows:
    if len(found) == 1:
        return found[0]
    return Rows(
        np.concatenate([one.watch for one in found]),
        np.concatenate([one.ts for one in found]),
        np.concatenate([one.value for one in found]),
    )
