"""Fitting and asking the model of remaining life: regressors of several folds, and an interval from their errors.

Each regressor is fitted without one fold of the recorded lives; together they are the model, and what they say of the
fold each had not seen tells how far they err (`life_errors.py`). Pure: the same recorded lives give the same model.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl

from assets.gold.life_errors import Errors, Numbers, calibrated
from assets.gold.life_features import feature_names
from core.errors import InputError

METHOD = "paired-folds/3"
_SEED = 20_260_101
_FOLDS, _ROUNDS = 5, 3
"""A life is unseen by one fold of every round; how far the model errs is taken from the mean of those."""
_THIN = 3
"""Each fold is fitted on every third row of a life: neighbours tell the same."""
_CUTS = 30
"""Moments of each unseen life at which the model is asked."""
_LEAST_LIVES = 10
CAP_SHARE = 0.625
"""Early in life sensors do not tell: life left is fitted on, and stated as, at most this share of the median life."""
FAR_SHARE = 0.8
"""Where a machine works in several regimes, its healthy state is stated as far as this. Both shares are conventions of
the field for turbofans (125 and 160 cycles of a median life of 199), not learnt."""
_FADE = (0.525, 0.59)
"""Shares of the median life between which the far statement takes over from the near one."""
_FAR_OUT = 5.0
"""Spreads from the mean at which a feature is cut off for the network."""


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
    folds = _folds(lengths["equipment_id"].to_list(), rows["equipment_id"].to_list())
    with _one_thread(), _quietly():
        near, near_said = _fitted(x, np.minimum(left, cap), folds)
        far, far_said = _fitted(x, np.minimum(left, far_cap), folds) if regimes > 1 else ((), near_said)
    most = far_cap if far else cap
    cut = _cuts(rows["equipment_id"].to_numpy())
    said, truth, group = _said(near_said, far_said, fade, most)[cut], left[cut], folds[0][cut]
    errors, coverage = calibrated(said, truth, group)
    return LifeModel(
        signals=tuple(sorted(signals)),
        cap=most,
        rmse=float(np.sqrt(np.mean((np.minimum(said, cap) - np.minimum(truth, cap)) ** 2))),
        coverage=coverage,
        lives=lengths.height,
        near=near,
        far=far,
        fade=fade,
        errors=errors,
    )


@contextmanager
def _quietly() -> Generator[None]:
    """Networks are stopped before they have learnt their lives by heart; the library warns of that."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@contextmanager
def _one_thread() -> Generator[None]:
    """Fitting on few rows gains nothing from threads, and loses much where other processes want the cores."""
    import_module("sklearn.ensemble")  # only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def _folds(names: Sequence[str], machines: Sequence[str]) -> Any:
    """For every round and row, the fold its machine falls into."""
    chance = np.random.default_rng(_SEED)
    rounds: list[list[int]] = []
    for _ in range(_ROUNDS):
        fold = {names[int(index)]: place % _FOLDS for place, index in enumerate(chance.permutation(len(names)))}
        rounds.append([fold[name] for name in machines])
    return np.array(rounds)


def _cuts(machine: Any) -> Any:
    """Which rows are asked: a few seeded moments of every life, as of machines that still run."""
    chance = np.random.default_rng(_SEED + 1)
    cut = np.zeros(len(machine), dtype=bool)
    for name in np.unique(machine.astype(str)):
        rows = np.flatnonzero(machine == name)
        cut[chance.choice(rows, size=min(_CUTS, len(rows)), replace=False)] = True
    return cut


def _fitted(x: Numbers, left: Numbers, folds: Any) -> tuple[tuple[Any, ...], Numbers]:
    """A regressor for each fold of each round, fitted without it, and what those say of a row that had not seen it."""
    said = np.zeros(len(left))
    models: list[Any] = []
    for in_round in folds:
        for number in range(_FOLDS):
            unseen = in_round == number
            seen = ~unseen & ((np.arange(len(left)) + len(models)) % _THIN == 0)
            models.append(_pair(len(models)).fit(x[seen], left[seen]))
            said[unseen] += models[-1].predict(x[unseen]) / len(folds)
    return tuple(models), said


def _pair(number: int) -> Any:
    """Boosted trees and a small network, averaged: they err in different places, and the trees' steps are smoothed."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    trees = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        max_features=0.2,
        l2_regularization=1.0,
        early_stopping=False,  # pyright: ignore[reportArgumentType]  documented so; the stub knows only "auto"
        random_state=_SEED + number,
    )
    network = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        # What no recorded life came near must not carry the network off.
        FunctionTransformer(np.clip, kw_args={"a_min": -_FAR_OUT, "a_max": _FAR_OUT}),
        MLPRegressor(
            hidden_layer_sizes=(64, 32),
            alpha=0.01,
            batch_size=128,  # pyright: ignore[reportArgumentType]  documented so; the stub knows only "auto"
            max_iter=20,
            random_state=_SEED + number,
        ),
    )
    return VotingRegressor(
        [("trees", trees), ("network", TransformedTargetRegressor(network, transformer=StandardScaler()))]
    )


def _said(near: Numbers, far: Numbers, fade: tuple[float, float], most: float) -> Numbers:
    """The near statement, and the far one where the near one says little more than `healthy`."""
    share = np.clip((near - fade[0]) / (fade[1] - fade[0]), 0.0, 1.0)
    return np.clip(near * (1 - share) + far * share, 0.0, most)
