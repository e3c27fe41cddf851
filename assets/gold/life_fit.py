"""Fitting and asking the model of remaining life: gradient-boosted quantiles, calibrated on lives not seen.

Pure: the same recorded lives give the same model.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assets.gold.life_features import feature_names
from core.errors import InputError

METHOD = "quantile-boosting/1"
_SEED = 20_260_101
_FOLDS = 4
_CUTS = 10
"""Moments of each unseen life at which the model is asked."""
_LEAST_LIVES = 10
_INTERVAL = (0.05, 0.95)
CAP_SHARE = 0.625
"""Early in life sensors do not tell: the median is fitted on, and states, at most this share of the median life."""
Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class LifeModel:
    """A fitted model: three quantiles and what calibration found.

    Attributes:
        signals: signals it reads.
        cap: longest remaining life the median states, in cycles.
        margin: cycles that calibration adds to either side of the interval; negative narrows it.
        rmse: error of the median on unseen lives, in cycles, life left counted up to the cap.
        coverage: share of unseen lives inside the calibrated interval.
        lives: recorded lives it was fitted on.
    """

    signals: tuple[str, ...]
    cap: float
    margin: float
    rmse: float
    coverage: float
    lives: int
    quantiles: tuple[Any, Any, Any]

    def ask(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`life_low`, `life_median`, `life_high` for rows of `features`, in their order."""
        low, median, high = (np.asarray(q.predict(matrix(rows, self.signals))) for q in self.quantiles)
        low, high = low - self.margin, high + self.margin
        middle = np.clip(median, 0.0, self.cap)
        return pl.DataFrame(
            {
                "life_low": np.clip(np.minimum(low, middle), 0.0, None),
                "life_median": middle,
                "life_high": np.maximum(high, middle),
            }
        )

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


def matrix(rows: pl.DataFrame, signals: Sequence[str]) -> Matrix:
    """The feature matrix; a missing value is NaN, which the trees take as it is."""
    return rows.select(pl.col(feature_names(signals)).cast(pl.Float64)).fill_null(float("nan")).to_numpy()


def fit(rows: pl.DataFrame, signals: Sequence[str]) -> LifeModel:
    """Fit a model on whole lives.

    Args:
        rows: `features` of recorded lives with `equipment_id` and `left`, the cycles left at each row.
        signals: the signals behind them.

    Raises:
        InputError: fewer than ten lives.
    """
    from threadpoolctl import threadpool_limits

    names = rows["equipment_id"].unique().sort().to_list()
    if len(names) < _LEAST_LIVES:
        raise InputError("too few recorded lives", expected=f"at least {_LEAST_LIVES}", received=len(names))
    x, left = matrix(rows, signals), rows["left"].to_numpy().astype(float)
    machine = rows["equipment_id"].to_numpy()
    whole = rows.group_by("equipment_id").agg(pl.col("left").max() + 1)["left"].median()
    cap = float(np.round(CAP_SHARE * float(whole)))  # pyright: ignore[reportArgumentType]  median of numbers
    # Boosting on few rows gains nothing from threads, and loses much where other processes want the cores.
    with threadpool_limits(1, "openmp"):
        low, median, high, truth = _unseen(x, left, machine, names, cap)
        quantiles = _quantiles(x, left, cap)
    score = np.maximum(low - truth, truth - high)
    inside = min(1.0, (_INTERVAL[1] - _INTERVAL[0]) * (1 + 1 / len(score)))
    margin = float(np.quantile(score, inside, method="higher"))
    return LifeModel(
        signals=tuple(sorted(signals)),
        cap=cap,
        margin=margin,
        rmse=float(np.sqrt(np.mean((np.clip(median, 0, cap) - np.minimum(truth, cap)) ** 2))),
        coverage=float(np.mean(score <= margin)),
        lives=len(names),
        quantiles=quantiles,
    )


def _quantiles(x: Matrix, left: Matrix, cap: float) -> tuple[Any, Any, Any]:
    capped = np.minimum(left, cap)
    return _boosted(_INTERVAL[0], x, capped), _boosted(0.5, x, capped), _boosted(_INTERVAL[1], x, left)


def _boosted(quantile: float, x: Matrix, y: Matrix) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=80,
        learning_rate=0.08,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=_SEED,
    )
    return model.fit(x, y)


def _unseen(x: Matrix, left: Matrix, machine: Any, names: list[str], cap: float) -> tuple[Matrix, ...]:
    """Low, median, high and truth at seeded moments of lives that were held out, fold by fold."""
    chance = np.random.default_rng(_SEED)
    fold = {name: place % _FOLDS for place, name in enumerate(chance.permutation(names))}
    folds = np.array([fold[name] for name in machine])
    cut = np.zeros(len(left), dtype=bool)
    for name in names:
        rows = np.flatnonzero(machine == name)
        cut[chance.choice(rows, size=min(_CUTS, len(rows)), replace=False)] = True
    found: list[Matrix] = []
    for number in range(_FOLDS):
        models = _quantiles(x[folds != number], left[folds != number], cap)
        asked = cut & (folds == number)
        found.append(np.stack([*(model.predict(x[asked]) for model in models), left[asked]]))
    return tuple(np.concatenate(found, axis=1))
