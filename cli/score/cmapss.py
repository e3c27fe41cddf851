"""Turbofan fleets run to failure: remaining life of the test engines, by the life model of the product.

Source of the files: NASA's C-MAPSS set. Models are fitted on the folder's own train file; how far to trust them is
learnt on engines held out of the fit. The test file's truth is read when everything is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assets.models.monitor import Numbers
from assets.models.regimes import Regimes
from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

CAP = 125.0
"""Where the capped figure cuts prediction and truth."""
_SETTINGS = ["setting_1", "setting_2", "setting_3"]
_SENSORS = [f"sensor_{n:02}" for n in range(1, 22)]
_COLUMNS = ["engine", "cycle", *_SETTINGS, *_SENSORS]
_START = datetime(2024, 1, 1, tzinfo=UTC)
_TYPE = "engine"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Subset:
    """One subset: whole lives, lives cut short, and the cycles that were left of those."""

    name: str
    train: pl.DataFrame
    test: pl.DataFrame
    truth: Numbers


@dataclass(frozen=True, slots=True)
class Figures:
    """Errors in cycles; coverage a fraction of 1; `drivers` of the engine with least left, in words."""

    subset: str
    rmse: float
    rmse_capped: float
    phm08: float
    coverage90: float
    width90: float
    drivers: str


def read(folder: Path) -> list[Subset]:
    """Every subset below a folder whose train, test and RUL files are there, compressed or not.

    Raises:
        InputError: there is no folder, no whole subset, or a file that cannot be used.
    """
    if not folder.is_dir():
        raise InputError("no such folder", received=str(folder), next_step="give the folder with train_FD001.txt")
    files = {path.name.removesuffix(".gz"): path for path in sorted(folder.rglob("*.txt*"))}
    names = [found[1] for name in files if (found := re.fullmatch(r"train_(\w+)\.txt", name))]
    whole = [name for name in names if {f"test_{name}.txt", f"RUL_{name}.txt"} <= files.keys()]
    if not whole:
        parts = [f"{part}_{name}.txt" for name in names for part in ("test", "RUL")]
        lacking = ", ".join(part for part in parts if part not in files) or "no train_X.txt"
        raise InputError(
            "no subset", expected="train_X.txt, test_X.txt and RUL_X.txt", received=f"missing: {lacking}",
            where=str(folder),
        )  # fmt: skip
    return [_subset(name, files) for name in sorted(whole)]


def _subset(name: str, files: dict[str, Path]) -> Subset:
    train, test = (_cycles(files[f"{part}_{name}.txt"]) for part in ("train", "test"))
    path = files[f"RUL_{name}.txt"]
    truth = _table(path, ["left"])["left"].to_numpy()
    engines = test["engine"].n_unique()
    if len(truth) != engines:
        raise InputError("every test engine has a truth", expected=str(engines), received=len(truth), where=str(path))
    return Subset(name, train, test, truth)


def _cycles(path: Path) -> pl.DataFrame:
    return _table(path, _COLUMNS).with_columns(pl.col("engine", "cycle").cast(pl.Int32)).sort("engine", "cycle")


def _table(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Numbers between blanks, without a header."""
    import gzip
    import zlib

    try:
        text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
        rows = np.array([line.split() for line in text.splitlines() if line.strip()], dtype=np.float64)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError("a file cannot be read", expected="numbers", received=str(error), where=str(path)) from error
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise InputError(
            "a file has other columns", expected=str(len(columns)), received=rows.shape[-1], where=str(path)
        )
    if not np.isfinite(rows).all():
        line = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0]) + 1
        raise InputError("a file cannot be read", expected="numbers", received=f"row {line} has none", where=str(path))
    return pl.DataFrame(rows, schema=list(columns))


def score(subset: Subset) -> Figures:
    """Fit on the train file, ask about the last cycle of every test engine, and hold it against the truth."""
    from assets.gold import life_fit, own_past
    from assets.gold.life_features import drivers, features

    regimes = Regimes.fit(subset.train.select(_SETTINGS).to_numpy(), subset.train.select(_SENSORS).to_numpy())
    signals = [name for name, tells in zip(_SENSORS, regimes.telling, strict=True) if tells]
    train, test = _samples(subset.train, regimes, signals), _samples(subset.test, regimes, signals)
    lengths = subset.train.group_by("engine").agg(site=pl.lit("", dtype=pl.String), step=pl.col("cycle").max())
    needed = own_past.commissioning(
        lengths.select("site", "step", equipment_type=pl.lit(_TYPE), equipment_id=pl.col("engine").cast(pl.String))
    )

    def baselines(samples: pl.DataFrame) -> pl.DataFrame:
        return own_past.baseline(samples, needed, samples["date"].unique().to_list())

    lives = features(train, baselines(train), signals)
    model = life_fit.fit(
        lives.with_columns(left=pl.col("age").max().over("equipment_id") - pl.col("age")), signals, len(regimes)
    )
    own = baselines(test)
    last = features(test, own, signals).group_by("equipment_id", maintain_order=True).last()
    said = pl.concat([last, model.ask(last)], how="horizontal").sort(pl.col("equipment_id").cast(pl.Int32))
    why = drivers(test, own, signals).group_by("equipment_id", maintain_order=True).last()
    return figures(subset, said, dict(why.select("equipment_id", "drivers").iter_rows()))


def _samples(cycles: pl.DataFrame, regimes: Regimes, signals: Sequence[str]) -> pl.DataFrame:
    """Cycles in the form that features are taken of: a row a signal, a day a cycle."""
    freed = regimes.freed(cycles.select(_SETTINGS).to_numpy(), cycles.select(_SENSORS).to_numpy())
    wide = pl.DataFrame(freed, schema=_SENSORS).select(signals).with_columns(cycles.select("engine", "cycle"))
    long = wide.unpivot(index=["engine", "cycle"], on=signals, variable_name="signal", value_name="value")
    return long.select(
        "signal",
        "value",
        site=pl.lit(""),
        equipment_id=pl.col("engine").cast(pl.String),
        equipment_type=pl.lit(_TYPE),
        unit=pl.lit("deviations"),
        role=pl.lit(None, dtype=pl.String),
        quality=pl.lit(0, dtype=pl.Int64),
        age=pl.col("cycle").cast(pl.Float64),
        ts=pl.lit(_START) + pl.duration(days=pl.col("cycle") - 1),
    ).with_columns(date=pl.col("ts").dt.date())


def figures(subset: Subset, said: pl.DataFrame, why: dict[str, str]) -> Figures:
    """Hold what was said of each test engine, in their order, against the truth; `why` by engine."""
    expected, low, high = (said[name].to_numpy() for name in ("life_median", "life_low", "life_high"))
    truth = subset.truth
    late = expected - truth
    worst = said["equipment_id"][int(np.argmin(expected))]
    return Figures(
        subset=subset.name,
        rmse=_rmse(expected, truth),
        rmse_capped=_rmse(np.minimum(expected, CAP), np.minimum(truth, CAP)),
        # Late warnings cost more than early ones: the score of the PHM'08 challenge.
        phm08=float(np.where(late < 0, np.expm1(-late / 13), np.expm1(late / 10)).sum()),
        coverage90=float(((low <= truth) & (truth <= high)).mean()),
        width90=float((high - low).mean()),
        drivers=f"engine {worst}: {_DAY.sub(_cycle, why.get(worst, 'nothing left its baseline'))}",
    )


def _cycle(day: re.Match[str]) -> str:
    return f"cycle {(date.fromisoformat(day[0]) - _START.date()).days + 1}"


def _rmse(said: Numbers, truth: Numbers) -> float:
    return float(np.sqrt(np.mean((said - truth) ** 2)))
