"""What a rule says of one machine, read reading by reading: the plain meaning that the columns are held against."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.rules.form import Limits, us_of
from bridge.rules.model import Ewma, Pca, RobustZ
from bridge.rules.plan import Watch
from core.contracts.quality import CALCULATED
from core.contracts.reading import Sample

GOOD_BITS = 0xC0000000


@dataclass
class Plainly:
    """One watch, one reading at a time."""

    watch: Watch
    newest: dict[str, int] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    row_ts: int = 0
    anchor: tuple[int, float] | None = None
    average: float | None = None
    since: int | None = None
    standing: bool = False

    def take(self, sample: Sample) -> Iterator[Sample]:
        """Events and scores that a reading brings about."""
        rule = self.watch.rule
        value, ts = sample.value, sample.ts_us
        if sample.equipment_id != self.watch.machine or sample.signal not in rule.inputs:
            return
        if sample.quality & GOOD_BITS or value is None or not math.isfinite(value):
            return
        if sample.signal in self.newest and ts <= self.newest[sample.signal]:
            return
        self.newest[sample.signal] = ts
        if rule.stuck is not None:
            if self.anchor is None or abs(value - self.anchor[1]) > rule.stuck.within:
                self.anchor = (ts, value)
            still = ts - self.anchor[0] >= us_of(rule.stuck.lasting)
            yield from self._stand(ts, hot=still, cool=not still, lasting=0)
        elif rule.rate is not None:
            yield from self._rate(ts, value)
        elif rule.threshold is not None:
            yield from self._hold(rule.threshold, ts, value)
        elif rule.anomaly is not None:
            yield from self._score(sample.signal, ts, value)

    def _rate(self, ts: int, value: float) -> Iterator[Sample]:
        rate, anchor = self.watch.rule.rate, self.anchor
        assert rate is not None
        if anchor is None:
            self.anchor = (ts, value)
        elif ts - anchor[0] >= us_of(rate.over):
            self.anchor = (ts, value)
            yield from self._hold(rate, ts, (value - anchor[1]) * 1_000_000 / (ts - anchor[0]))

    def _score(self, signal: str, ts: int, value: float) -> Iterator[Sample]:
        anomaly, model, names = self.watch.rule.anomaly, self.watch.model, self.watch.rule.inputs
        assert anomaly is not None
        if isinstance(model, Pca):
            self.held[signal] = value
            self.row_ts = ts = max(ts, self.row_ts)
            if len(self.held) < len(names):
                return
            score = _distance(model, [self.held.pop(name) for name in names])
        elif isinstance(model, Ewma):
            before = model.mean if self.average is None else self.average
            self.average = before + model.weight * (value - before)
            score = abs(self.average - model.mean) / (model.sigma * math.sqrt(model.weight / (2 - model.weight)))
        else:
            assert isinstance(model, RobustZ)
            score = abs(value - model.median) / (model.mad * 1.4826)
        yield from self._hold(anomaly, ts, score)
        if anomaly.score is not None:
            yield Sample(self.watch.machine, anomaly.score, ts, score, None, CALCULATED)

    def _hold(self, limits: Limits, ts: int, value: float) -> Iterator[Sample]:
        above, below = limits.above, limits.below
        hot = (above is not None and value > above) or (below is not None and value < below)
        back = (above is None or value <= above - limits.hysteresis) and (
            below is None or value >= below + limits.hysteresis
        )
        yield from self._stand(ts, hot=hot, cool=back, lasting=us_of(limits.lasting))

    def _stand(self, ts: int, *, hot: bool, cool: bool, lasting: int) -> Iterator[Sample]:
        raised = None
        if self.standing:
            if cool:
                self.standing, self.since, raised = False, None, False
        elif not hot:
            self.since = None
        else:
            self.since = ts if self.since is None else self.since
            if ts - self.since >= lasting:
                self.standing = raised = True
        if raised is not None:
            yield Sample(self.watch.machine, self.watch.rule.event, ts, float(raised), None, CALCULATED)


def _distance(model: Pca, row: list[float]) -> float:
    """Squared length of what the components leave of a scaled row, over the limit."""
    scaled = [(one - mean) / scale for one, mean, scale in zip(row, model.mean, model.scale, strict=True)]
    rest = list(scaled)
    for component in model.components:
        shared = _sum([one * weight for one, weight in zip(scaled, component, strict=True)])
        rest = [one - shared * weight for one, weight in zip(rest, component, strict=True)]
    return _sum([one * one for one in rest]) / model.limit


def _sum(numbers: list[float]) -> float:
    total = numbers[0]
    for one in numbers[1:]:
        total += one
    return total
