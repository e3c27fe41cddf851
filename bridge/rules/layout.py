"""Watches as columns: those of one kind beside each other, so that a step goes through each kind once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bridge.block import Bools, Floats, Ints
from bridge.driver import Series
from bridge.rules.form import Limits, us_of
from bridge.rules.model import Ewma, Model, Pca, RobustZ
from bridge.rules.plan import Watch

_LONGEST_US = 1 << 62
Name = TypeVar("Name", bound=Hashable)
Kind = tuple[str, int, int]
"""What is measured; of a principal component model how many signals and components, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """Limits of every watch; an infinity where there is none.

    Attributes:
        above: beyond is higher.
        below: beyond is lower.
        back_above: back is no higher.
        back_below: back is no lower.
        lasting: microseconds that it has to last.
    """

    above: Floats
    below: Floats
    back_above: Floats
    back_below: Floats
    lasting: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Watches of one kind.

    Attributes:
        kind: what is measured.
        watches: their places.
        inputs: the places of their inputs, watch by watch.
        models: of anomaly rules, in that order.
    """

    kind: Kind
    watches: slice
    inputs: slice
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All watches, kind by kind.

    Attributes:
        watches: in their order here.
        groups: of one kind each.
        series: for each input of each watch where it comes from.
        watch_of: for each input the place of its watch.
        rules: for each rule its watches and their inputs.
        limits: of what is measured.
        over: microseconds that a rate is measured over at least.
        within: distance that a stuck value stays in.
        scored: watches whose score is a signal.
    """

    watches: tuple[Watch, ...]
    groups: tuple[Group, ...]
    series: tuple[Series, ...]
    watch_of: npt.NDArray[np.intp]
    rules: Mapping[str, tuple[slice, slice]]
    limits: Thresholds
    over: Ints
    within: Floats
    scored: Bools

    @classmethod
    def of(cls, watches: Sequence[Watch]) -> Layout:
        """Lay watches side by side."""
        laid = tuple(sorted(watches, key=lambda one: (_kind(one), one.rule.rule)))
        rules = [one.rule for one in laid]
        width = np.array([len(rule.inputs) for rule in rules], np.intp)
        ends = [0, *np.cumsum(width).tolist()]
        return cls(
            watches=laid,
            groups=tuple(
                Group(kind, some, inputs, tuple(one.model for one in laid[some] if one.model is not None))
                for kind, (some, inputs) in _runs([_kind(one) for one in laid], ends).items()
            ),
            series=tuple((one.machine, name) for one in laid for name in one.rule.inputs),
            watch_of=np.repeat(np.arange(len(laid)), width),
            rules=_runs([rule.rule for rule in rules], ends),
            limits=_limits([_limits_of(one) for one in laid]),
            over=_times([rule.rate.over if rule.rate else None for rule in rules]),
            within=np.array([rule.stuck.within if rule.stuck else 0.0 for rule in rules], np.float64),
            scored=np.array([bool(rule.anomaly and rule.anomaly.score) for rule in rules], np.bool_),
        )


def _kind(watch: Watch) -> Kind:
    rule, model = watch.rule, watch.model
    if isinstance(model, Pca):
        return "pca", len(model.mean), len(model.components)
    if isinstance(model, Ewma | RobustZ):
        return model.kind, 1, 0
    if rule.rate is not None:
        return ("rate_over" if us_of(rule.rate.over) else "rate"), 1, 0
    if rule.stuck is not None:
        return ("still_within" if rule.stuck.within else "still"), 1, 0
    return "value", 1, 0


def _runs(names: Sequence[Name], ends: Sequence[int]) -> dict[Name, tuple[slice, slice]]:
    """For each name, all of which stand beside each other, its watches and their inputs."""
    found: dict[Name, tuple[slice, slice]] = {}
    start = 0
    for name, run in groupby(names):
        stop = start + len(list(run))
        found[name] = slice(start, stop), slice(ends[start], ends[stop])
        start = stop
    return found


def _limits_of(watch: Watch) -> tuple[Limits, str | None]:
    """What a measure is held against; a value is stuck once it has been still for long enough."""
    rule = watch.rule
    if rule.stuck is not None:
        return Limits(above=min(us_of(rule.stuck.lasting), _LONGEST_US) - 1), None
    limits = rule.threshold or rule.rate or rule.anomaly
    assert limits is not None  # noqa: S101  the form has one of four
    return limits, limits.lasting


def _limits(found: Sequence[tuple[Limits, str | None]]) -> Thresholds:
    above = np.array([np.inf if one.above is None else one.above for one, _ in found], np.float64)
    below = np.array([-np.inf if one.below is None else one.below for one, _ in found], np.float64)
    hysteresis = np.array([one.hysteresis for one, _ in found], np.float64)
    return Thresholds(above, below, above - hysteresis, below + hysteresis, _times([lasting for _, lasting in found]))


def _times(texts: Sequence[str | None]) -> Ints:
    return np.array([min(us_of(one), _LONGEST_US) for one in texts], np.int64)
