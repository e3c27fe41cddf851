"""Where measures stand to their limits, and the moments at which conditions begin and end to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bridge.block import Bools, Ints
from bridge.rules.layout import Thresholds
from bridge.rules.measure import Rows, firsts, forward, lasts, shifted
from bridge.rules.memory import NEVER, State

Levels = npt.NDArray[np.int8]
_KEEPS, _BACK, _RAISED = -1, 0, 1


def beyond(limits: Thresholds, rows: Rows) -> tuple[Bools, Bools]:
    """Where measures are beyond a limit, and where they are back by the hysteresis; never both."""
    watch, value = rows.watch, rows.value
    hot = (value > limits.above[watch]) | (value < limits.below[watch])
    cool = (value <= limits.back_above[watch]) & (value >= limits.back_below[watch])
    return hot, cool


def changes(limits: Thresholds, rows: Rows, state: State) -> tuple[npt.NDArray[np.intp], Bools]:
    """Rows at which an event begins or ends to stand, and which of the two it is; `state` moves on."""
    hot, cool = beyond(limits, rows)
    if not hot.any() and not state.standing.any():
        state.since[rows.watch] = NEVER
        return np.empty(0, np.intp), np.empty(0, np.bool_)
    first = firsts(rows.watch)
    since = _since(rows, hot, first, state)
    ripe = hot & (rows.ts - since >= limits.lasting[rows.watch])
    level = np.where(ripe, _RAISED, np.where(cool, _BACK, _KEEPS)).astype(np.int8)
    stood = state.standing[rows.watch].astype(np.int8)
    unsaid = first & (level == _KEEPS)
    level[unsaid] = stood[unsaid]
    stands = forward(level, level != _KEEPS)
    before = shifted(stands)
    before[first] = stood[first]
    last = lasts(first)
    ends = rows.watch[last]
    state.standing[ends] = stands[last] == _RAISED
    state.since[ends] = np.where(hot, since, NEVER)[last]
    found = np.flatnonzero(stands != before)
    return found, stands[found] == _RAISED


def _since(rows: Rows, hot: Bools, first: Bools, state: State) -> Ints:
    """For each row beyond a limit when that began without a break, in this step or in one before."""
    begins = hot & ~shifted(hot)
    begins[first] = hot[first]
    carried = state.since[rows.watch]
    began = np.where(first & (carried != NEVER), carried, rows.ts)
    return forward(began, begins)
