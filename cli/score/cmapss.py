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
from cli.score import delimited
from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CAP = 125.0
"""Where the capped figure cuts prediction and truth."""
_SETTINGS = ["setting_1", "setting_2", "setting_3"]
_SENSORS = [f"sensor_{n:02}" for n in range(1, 22)]
_COLUMNS = ["engine", "cycle", *_SETTINGS, *_SENSORS]
PUBLISHED = ("subset", "rmse", "rmse_capped", "phm08", "coverage90", "width90")
"""Figures of the last line."""
_START = datetime(2024, 1, 1, tzinfo=UTC)
_TYPE = "engine"
_NAMED = re.compile(r"train_(\w+)\.txt(?:\.gz)?", re.IGNORECASE)
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
    """Errors in cycles; coverage a fraction of 1; `drivers` of the engine with least left, in words.

    `unseen_rmse`, capped, and `unseen_coverage` are of engines of the train file that were held out of the fit.
    """

    subset: str
    rmse: float
    rmse_capped: float
    phm08: float
    coverage90: float
    width90: float
    drivers: str
    unseen_rmse: float
    unseen_coverage: float


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says of test engines (rows in their order), why by engine, and how it did on engines held out."""

    rows: pl.DataFrame
    why: dict[str, str]
    unseen_rmse: float
    unseen_coverage: float


def read(folder: Path, missing: Callable[[str], None] = lambda _: None) -> list[Subset]:
    """Every subset below a folder whose train, test and RUL files are there, compressed or not.

    Args:
        folder: with all folders in it.
        missing: is told of each file without which a subset beside others is not read.

    Raises:
        InputError: there is no folder, no whole subset, or a file that cannot be used.
    """
    if not folder.is_dir():
        raise InputError("no such folder", received=str(folder), next_step="give the folder with train_FD001.txt")
    files = [path for suffix in (".txt", ".txt.gz") for path in delimited.files(folder, suffix)]
    trains = [path for path in files if _NAMED.fullmatch(path.name)]
    found: list[Subset] = []
    lacking: list[str] = []
    for train in trains:
        name = _name(train)
        parts = [_beside(train, f"{part}_{name}.txt", files) for part in ("test", "RUL")]
        lacking += [f"{part}_{name}.txt" for part, path in zip(("test", "RUL"), parts, strict=True) if path is None]
        test, left = parts
        if test is not None and left is not None:
            twice = [_name(path).lower() for path in trains].count(name.lower()) > 1
            inside = train.parent.relative_to(folder).as_posix()
            found.append(_subset(f"{inside}/{name}" if twice else name, train, test, left))
    if not found:
        raise InputError(
            "no subset", expected="train_X.txt, test_X.txt and RUL_X.txt",
            received=f"missing: {', '.join(lacking) or 'no train_X.txt'}", where=str(folder),
        )  # fmt: skip
    for name in lacking:
        missing(name)
    return sorted(found, key=lambda one: one.name)


def _name(train: Path) -> str:
    named = _NAMED.fullmatch(train.name)
    return named[1] if named else ""


def _beside(train: Path, name: str, files: Sequence[Path]) -> Path | None:
    """The file of that name in the same folder, else the only one anywhere; upper case or lower, compressed or not."""
    named = [path for path in files if path.name.lower().removesuffix(".gz") == name.lower()]
    here = [path for path in named if path.parent == train.parent]
    return here[0] if here else named[0] if len(named) == 1 else None


def _subset(name: str, train: Path, test: Path, left: Path) -> Subset:
    lives, cut = _cycles(train), _cycles(test)
    truth = _table(left, ["left"])["left"].to_numpy()
    engines = cut["engine"].n_unique()
    if len(truth) != engines:
        raise InputError("every test engine has a truth", expected=str(engines), received=len(truth), where=str(left))
    if truth.min() < 0:
        raise InputError("cycles left are not negative", received=float(truth.min()), where=str(left))
    silent = [sensor for sensor in _SENSORS if cut[sensor].null_count() and not lives[sensor].null_count()]
    if silent:
        raise InputError("a sensor that was learnt from is absent", received=", ".join(silent), where=str(test))
    lives, cut = (cycles.with_columns(pl.col(_SENSORS).fill_null(0.0)) for cycles in (lives, cut))
    return Subset(name, lives, cut, truth)


def _cycles(path: Path) -> pl.DataFrame:
    """Rows by engine and cycle; a sensor that was not read keeps its value before, one that never was is null."""
    rows = _table(path, _COLUMNS, may_lack=_SENSORS)
    whole = rows.with_columns(pl.col("engine", "cycle").cast(pl.Int32)).sort("engine", "cycle")
    if not rows.select((pl.col("engine", "cycle") % 1 == 0).all()).row(0) == (True, True):
        raise InputError("engines and cycles are counted", expected="whole numbers", where=str(path))
    twice = whole.select("engine", "cycle").filter(whole.select("engine", "cycle").is_duplicated())
    if not twice.is_empty():
        raise InputError(
            "an engine has a cycle once", received="engine {}, cycle {} twice".format(*twice.row(0)), where=str(path)
        )
    sensors = pl.col(_SENSORS)
    kept = whole.with_columns(sensors.forward_fill().over("engine")).with_columns(
        sensors.backward_fill().over("engine")
    )
    return kept.with_columns(sensors.fill_null(sensors.mean()))


def _table(path: Path, columns: Sequence[str], may_lack: Sequence[str] = ()) -> pl.DataFrame:
    """Numbers between blanks or commas, without a header; null for nan where it may stand."""
    import gzip
    import zlib

    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.name.lower().endswith(".gz") else content).decode("utf-8-sig")
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError("a file cannot be read", expected="text", received=str(error), where=str(path)) from error
    lines = {n: line.replace(",", " ").split() for n, line in enumerate(text.splitlines(), 1) if line.strip()}
    other = next((n for n, cells in lines.items() if len(cells) != len(columns)), None)
    if other is not None or not lines:
        raise InputError(
            "a file has other columns", expected=str(len(columns)), received=len(lines.get(other or 0, ())),
            where=f"{path}, line {other or 1}",
        )  # fmt: skip
    try:
        rows = np.array(list(lines.values()), dtype=np.float64)
    except ValueError as error:
        raise InputError("a file cannot be read", expected="numbers", received=str(error), where=str(path)) from error
    told = pl.DataFrame(rows, schema=list(columns)).with_columns(pl.all().replace({float("inf"): None}).fill_nan(None))
    absent = told.select(pl.exclude(may_lack).is_null()) if may_lack else told.select(pl.all().is_null())
    if (lacking := absent.select(pl.any_horizontal(pl.all())).to_series().arg_true()).len():
        line = list(lines)[lacking[0]]
        raise InputError("a file cannot be read", expected="numbers", received="nan", where=f"{path}, line {line}")
    return told


def score(subset: Subset) -> Figures:
    """Hold what is said of the last cycle of every test engine against the truth."""
    return figures(subset, said(subset.train, subset.test))


def said(train: pl.DataFrame, test: pl.DataFrame) -> Said:
    """Fit on whole lives and ask about the last cycle of every test engine; the truth is not at hand here.

    Raises:
        InputError: too few lives.
    """
    from assets.gold import life_fit, own_past
    from assets.gold.life_features import drivers, features, followed

    regimes = Regimes.fit(train.select(_SETTINGS).to_numpy(), train.select(_SENSORS).to_numpy())
    signals = [name for name, tells in zip(_SENSORS, regimes.telling, strict=True) if tells]
    learnt, asked = _samples(train, regimes, signals), _samples(test, regimes, signals)
    lengths = train.group_by("engine").agg(site=pl.lit("", dtype=pl.String), step=pl.col("cycle").max())
    needed = own_past.commissioning(
        lengths.select("site", "step", equipment_type=pl.lit(_TYPE), equipment_id=pl.col("engine").cast(pl.String))
    )

    def baselines(samples: pl.DataFrame) -> pl.DataFrame:
        return own_past.baseline(samples, needed, samples["date"].unique().to_list())

    lives = features(learnt, baselines(learnt), signals)
    model = life_fit.fit(
        lives.with_columns(left=pl.col("age").max().over("equipment_id") - pl.col("age")), signals, len(regimes)
    )
    own = baselines(asked)
    last = features(asked, own, signals).group_by("equipment_id", maintain_order=True).last()
    rows = pl.concat([last, model.ask(last)], how="horizontal").sort(pl.col("equipment_id").cast(pl.Int32))
    why = drivers(followed(asked, own, signals)).group_by("equipment_id", maintain_order=True).last()
    return Said(rows, dict(why.select("equipment_id", "drivers").iter_rows()), model.rmse, model.coverage)


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


def figures(subset: Subset, said: Said) -> Figures:
    """Hold what was said of each test engine, in their order, against the truth."""
    expected, low, high = (said.rows[name].to_numpy() for name in ("life_median", "life_low", "life_high"))
    truth = subset.truth
    late = expected - truth
    worst = said.rows["equipment_id"][int(np.argmin(expected))]
    return Figures(
        subset=subset.name,
        rmse=_rmse(expected, truth),
        rmse_capped=_rmse(np.minimum(expected, CAP), np.minimum(truth, CAP)),
        # Late warnings cost more than early ones: the score of the PHM'08 challenge.
        phm08=float(np.where(late < 0, np.expm1(-late / 13), np.expm1(late / 10)).sum()),
        coverage90=float(((low <= truth) & (truth <= high)).mean()),
        width90=float((high - low).mean()),
        drivers=f"engine {worst}: {_DAY.sub(_cycle, said.why.get(worst, 'nothing left its baseline'))}",
        unseen_rmse=said.unseen_rmse,
        unseen_coverage=said.unseen_coverage,
    )


def _cycle(day: re.Match[str]) -> str:
    return f"cycle {(date.fromisoformat(day[0]) - _START.date()).days + 1}"


def _rmse(said: Numbers, truth: Numbers) -> float:
    return float(np.sqrt(np.mean((said - truth) ** 2)))
