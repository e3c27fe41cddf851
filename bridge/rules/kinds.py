"""What watches of each kind measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from bridge.rules.inputs import Fresh
from bridge.rules.layout import Group, Layout
from bridge.rules.measure import Rows, rates, rates_over, still, still_within
from bridge.rules.memory import State
from bridge.rules.model import Ewma, Pca, RobustZ
from bridge.rules.score import Arrivals, EwmaScores, PcaScores, RobustZScores

Measure = Callable[[Fresh, State], Rows]
"""Gets what is new of the kind's inputs and the part of what is remembered that is theirs, which moves on."""


def measure_of(group: Group, layout: Layout) -> Measure:
    """How watches of a kind measure."""
    over, within = layout.over[group.watches], layout.within[group.watches]

    def rows(fresh: Fresh) -> Rows:
        return Rows(fresh.input - group.inputs.start, fresh.ts, fresh.value)

    match group.kind[0]:
        case "value":
            return lambda fresh, _: rows(fresh)
        case "rate":
            return lambda fresh, state: rates(rows(fresh), state)
        case "rate_over":
            return lambda fresh, state: rates_over(rows(fresh), state, over)
        case "still":
            return lambda fresh, state: still(rows(fresh), state)
        case "still_within":
            return lambda fresh, state: still_within(rows(fresh), state, within)
        case "robust_z":
            robust_z = RobustZScores(cast("tuple[RobustZ, ...]", group.models))
            return lambda fresh, _: robust_z(rows(fresh))
        case "ewma":
            ewma = EwmaScores(cast("tuple[Ewma, ...]", group.models))
            return lambda fresh, state: ewma(rows(fresh), state)
        case _:
            return _pca(group)


def _pca(group: Group) -> Measure:
    pca = PcaScores(cast("tuple[Pca, ...]", group.models))

    def measure(fresh: Fresh, state: State) -> Rows:
        watch, signal = np.divmod(fresh.input - group.inputs.start, group.kind[1])
        return pca(Arrivals(watch, signal, fresh.row, fresh.ts, fresh.value), state)

    return measure
