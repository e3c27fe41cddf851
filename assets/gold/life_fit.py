"""Fitting and asking the model of remaining life: boosted trees of several folds, and an interval from their errors.

Each tree ensemble is fitted without one fold of the recorded lives; together they are the model. The errors are those
on the fold each had not seen, taken apart by what it said: near the end of life it errs by little, early in life by
much (conformal prediction in groups). Pure: the same recorded lives give the same model.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl

from assets.gold.life_features import feature_names
from core.errors import InputError

METHOD = "boosted-folds/2"
_SEED = 20_260_101
_FOLDS = 10
_THIN = 3
"""Each fold is fitted on every third row of a life: neighbours tell the same."""
_CUTS = 30
"""Moments of each unseen life at which the model is asked."""
_LEAST_LIVES = 10
_GROUPS = 12
"""Groups of unseen moments, by what the model said, each with an interval of its own."""
_TAIL = 0.05
"""Share of lives that may end before the interval, and after it."""
CAP_SHARE = 0.625
"""Early in life sensors do not tell: life left is fitted on, and stated as, at most this share of the median life."""
FAR_SHARE = 0.8
"""Where a machine works in several regimes, its healthy state is stated as far as this. Both shares are conventions of
the field for turbofans (125 and 160 cycles of a median life of 199), not learnt."""
_FADE = (0.525, 0.59)
"""Shares of the median life between which the far statement takes over from the near one."""
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Errors:
    """How far the truth lay from what the model said, by what it said.

    Attributes:
        said: middle of each group, rising.
        below: error that 5 % of the group fall short of; usually negative.
        above: error that 5 % of the group exceed.
    """

    said: Numbers
    below: Numbers
    above: Numbers

    def interval(self, said: Numbers) -> tuple[Numbers, Numbers]:
        """Low and high for what the model says; between the middles of two groups, between their errors."""
        low = said + np.interp(said, self.said, self.below)
        high = said + np.interp(said, self.said, self.above)
        return np.clip(np.minimum(low, said), 0.0, None), np.maximum(high, said)


@dataclass(frozen=True, slots=True)
class LifeModel:
    """A fitted model.

    Attributes:
        signals: signals it reads.
        cap: longest remaining life the model states, in cycles.
        rmse: error on unseen lives, in cycles, life left counted up to the near cap.
        coverage: share of unseen lives inside intervals that were calibrated on others.
        lives: recorded lives it was fitted on.
        near: one regressor a fold, for life left up to the near cap.
        far: one regressor a fold, for life left up to the far cap; none for machines of one regime.
        fade: cycles between which far takes over from near.
        errors: their errors on unseen lives.
    """

    signals: tuple[str, ...]
    cap: float
    rmse: float
    coverage: float
    lives: int
    near: tuple[Any, ...]
    far: tuple[Any, ...]
    fade: tuple[float, float]
    errors: Errors

    def ask(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`life_low`, `life_median`, `life_high` for rows of `features`, in their order."""
        if rows.is_empty():
            return pl.DataFrame(schema=dict.fromkeys(["life_low", "life_median", "life_high"], pl.Float64))
        with _one_thread():
            x = matrix(rows, self.signals)
            near = np.mean([model.predict(x) for model in self.near], axis=0)
            far = np.mean([model.predict(x) for model in self.far], axis=0) if self.far else near
        said = _said(near, far, self.fade, self.cap)
        low, high = self.errors.interval(said)
        return pl.DataFrame({"life_low": low, "life_median": said, "life_high": high})

    def to_bytes(self) -> bytes:
        """The model as a file."""
        import joblib

        stream = io.BytesIO()
        joblib.dump(self, stream, compress=3)
        return stream.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> LifeModel:
        """The model of a file this platform wrote; never one from elsewhere, since loading runs code."""
        import joblib

        return joblib.load(io.BytesIO(content))


def version_of(equipment_type: str, history_version: int, signals: Sequence[str]) -> str:
    """Short hash of all that decides a model: type, recorded lives, signals, method."""
    text = json.dumps([METHOD, equipment_type, history_version, sorted(signals)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def matrix(rows: pl.DataFrame, signals: Sequence[str]) -> Numbers:
    """The feature matrix; a missing value is NaN, which the trees take as it is."""
    return rows.select(pl.col(feature_names(signals)).cast(pl.Float64)).fill_null(float("nan")).to_numpy()


def fit(rows: pl.DataFrame, signals: Sequence[str], regimes: int = 1) -> LifeModel:
    """Fit a model on whole lives.

    Args:
        rows: `features` of recorded lives with `equipment_id` and `left`, the cycles left at each row.
        signals: the signals behind them.
        regimes: operating regimes the machines work in.

    Raises:
        InputError: fewer than ten lives.
    """
    lengths = rows.group_by("equipment_id").agg(pl.col("left").max() + 1).sort("equipment_id")
    if lengths.height < _LEAST_LIVES:
        raise InputError("too few recorded lives", expected=f"at least {_LEAST_LIVES}", received=lengths.height)
    x, left = matrix(rows, signals), rows["left"].to_numpy().astype(float)
    life = float(np.median(lengths["left"].to_numpy()))
    cap, far_cap = (float(np.round(share * life)) for share in (CAP_SHARE, FAR_SHARE))
    fade = (_FADE[0] * life, _FADE[1] * life)
    fold = _folds(lengths["equipment_id"].to_list())
    folds = np.array([fold[name] for name in rows["equipment_id"]])
    with _one_thread():
        near, near_said = _fitted(x, np.minimum(left, cap), folds)
        far, far_said = _fitted(x, np.minimum(left, far_cap), folds) if regimes > 1 else ((), near_said)
    most = far_cap if far else cap
    cut = _cuts(rows["equipment_id"].to_numpy())
    said, truth, group = _said(near_said, far_said, fade, most)[cut], left[cut], folds[cut]
    return LifeModel(
        signals=tuple(sorted(signals)),
        cap=most,
        rmse=float(np.sqrt(np.mean((np.minimum(said, cap) - np.minimum(truth, cap)) ** 2))),
        coverage=_coverage(said, truth, group),
        lives=lengths.height,
        near=near,
        far=far,
        fade=fade,
        errors=_errors(said, truth),
    )


@contextmanager
def _one_thread() -> Generator[None]:
    """Boosting on few rows gains nothing from threads, and loses much where other processes want the cores."""
    import_module("sklearn.ensemble")  # only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "openmp"):
        yield


def _folds(names: Sequence[str]) -> dict[str, int]:
    order = np.random.default_rng(_SEED).permutation(len(names))
    return {str(names[int(index)]): place % _FOLDS for place, index in enumerate(order)}


def _cuts(machine: Any) -> Any:
    """Which rows are asked: a few seeded moments of every life, as of machines that still run."""
    chance = np.random.default_rng(_SEED + 1)
    cut = np.zeros(len(machine), dtype=bool)
    for name in np.unique(machine.astype(str)):
        rows = np.flatnonzero(machine == name)
        cut[chance.choice(rows, size=min(_CUTS, len(rows)), replace=False)] = True
    return cut


def _fitted(x: Numbers, left: Numbers, folds: Any) -> tuple[tuple[Any, ...], Numbers]:
    """A regressor for each fold, fitted without it, and what each says of the fold it has not seen."""
    said = np.zeros(len(left))
    models: list[Any] = []
    for number in range(_FOLDS):
        seen = (folds != number) & ((np.arange(len(left)) + number) % _THIN == 0)
        model = _boosted(x[seen], left[seen], number)
        said[folds == number] = model.predict(x[folds == number])
        models.append(model)
    return tuple(models), said


def _boosted(x: Numbers, left: Numbers, number: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        max_features=0.2,
        l2_regularization=1.0,
        early_stopping=False,  # pyright: ignore[reportArgumentType]  documented so; the stub knows only "auto"
        random_state=_SEED + number,
    )
    return model.fit(x, left)


def _said(near: Numbers, far: Numbers, fade: tuple[float, float], most: float) -> Numbers:
    """The near statement, and the far one where the near one says little more than `healthy`."""
    share = np.clip((near - fade[0]) / (fade[1] - fade[0]), 0.0, 1.0)
    return np.clip(near * (1 - share) + far * share, 0.0, most)


def _errors(said: Numbers, truth: Numbers) -> Errors:
    groups = [group for group in np.array_split(np.argsort(said, kind="stable"), _GROUPS) if len(group)]
    error = truth - said
    below = [_quantile(error[group], _TAIL, "lower") for group in groups]
    above = [_quantile(error[group], 1 - _TAIL, "higher") for group in groups]
    # Farther from the end nothing is ever surer: without this the cap makes early lives look certain.
    return Errors(
        said=np.array([said[group].mean() for group in groups]),
        below=np.minimum.accumulate(below),
        above=np.maximum.accumulate(above),
    )


def _quantile(values: Numbers, share: float, side: Any) -> float:
    """A quantile moved outwards by what a finite sample leaves open."""
    outwards = (1 + 1 / len(values)) if share > 0.5 else 1 / (1 + 1 / len(values))
    return float(np.quantile(values, min(1.0, share * outwards), method=side))


def _coverage(said: Numbers, truth: Numbers, group: Any) -> float:
    inside: list[bool] = []
    for number in range(_FOLDS):
        asked = group == number
        low, high = _errors(said[~asked], truth[~asked]).interval(said[asked])
        inside += list((low <= truth[asked]) & (truth[asked] <= high))
    return float(np.mean(inside))
