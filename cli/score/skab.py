"""The pump recordings: limits chosen on other groups than they are scored on, every point after the 400th counted.

Source of the protocol: the Skoltech Anomaly Benchmark; no point adjustment, all files pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from assets.models.monitor import Envelope, Flags, Numbers, alarms
from core.errors import InputError

OURS = "envelope"
HEALTHY = 400
"""First rows of a file: learnt from, never scored."""
_LABEL = "anomaly"
_NOT_SIGNALS = ("datetime", _LABEL, "changepoint")
_VARIANCE = 0.9


@dataclass(frozen=True, slots=True)
class Rule:
    """Limit that raises an alarm, and the share of it below which the alarm ends."""

    on: float
    off_share: float


RULES = [Rule(float(on), share) for on, share in product(np.geomspace(2, 12, 16), (1.0, 0.8, 0.6, 0.5, 0.4, 0.3))]
"""What is tried."""
_USUAL = Rule(5.0, 0.6)
"""For a lone file: there is nothing else to choose on."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One file: its group (the folder it lies in), rows by signals, and whether each row is anomalous."""

    name: str
    group: str
    rows: Numbers
    anomalous: Flags


@dataclass(frozen=True, slots=True)
class Figures:
    """Fractions of 1: F1, false alarms of all healthy points, missed of all anomalous points."""

    f1: float
    far: float
    mar: float


@dataclass(frozen=True, slots=True)
class Board:
    """What was measured: files, figures of each method, and the rule each group was scored by."""

    files: int
    methods: dict[str, Figures]
    rules: dict[str, Rule]


def read(folder: Path) -> list[Recording]:
    """Every labelled file below a folder; files without label columns are passed over.

    Raises:
        InputError: there is no folder, no labelled file in it, or one that cannot be used.
    """
    if not folder.is_dir():
        raise InputError("no such folder", received=str(folder), next_step="give the folder with the csv files")
    found = [one for path in sorted(folder.rglob("*.csv")) if (one := _recording(path)) is not None]
    if not found:
        raise InputError("no labelled recording", expected=f"csv files with a column {_LABEL}", received=str(folder))
    return found


def _recording(path: Path) -> Recording | None:
    try:
        frame = pl.read_csv(path, separator=";", infer_schema_length=None)
    except pl.exceptions.NoDataError:
        return None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(
            "a file cannot be read", expected="csv with ;", received=str(error), where=str(path)
        ) from error
    if _LABEL not in frame.columns:
        return None
    signals = frame.select(pl.col(name) for name in frame.columns if name not in _NOT_SIGNALS)
    labels = frame[_LABEL].cast(pl.Float64, strict=False)
    if labels.null_count():
        raise InputError(
            "every row has a label", expected=f"0 or 1 in {_LABEL}", received=f"{labels.null_count()} of "
            f"{frame.height} rows without", where=str(path),
        )  # fmt: skip
    words = [name for name, kind in signals.schema.items() if not kind.is_numeric()]
    if words or not signals.width:
        raise InputError("signals are numbers", expected="numeric columns", received=", ".join(words), where=str(path))
    if frame.height <= HEALTHY:
        raise InputError(
            "a recording is too short", expected=f"more than {HEALTHY} rows", received=frame.height, where=str(path)
        )
    numbers = signals.cast(pl.Float64).select(pl.when(pl.all().is_finite()).then(pl.all()))
    rows = numbers.fill_null(strategy="forward").fill_null(strategy="backward").fill_null(0.0)
    return Recording(path.name, path.parent.name, rows.to_numpy(), (labels > 0).to_numpy())


def score(recordings: Sequence[Recording]) -> Board:
    """Score every file by the rule that does best on the other groups, and the classical methods beside it."""
    tried = np.stack([_counts(one, _tried(one)) for one in recordings])
    groups = np.array(_groups(recordings))
    rules: dict[str, Rule] = {}
    ours = np.zeros(4)
    for group in dict.fromkeys(groups.tolist()):
        others = tried[groups != group].sum(axis=0)
        best = int(np.argmax(_f1(others))) if len(others) and others.any() else RULES.index(_nearest(_USUAL))
        rules[group] = RULES[best]
        ours += tried[groups == group].sum(axis=0)[:, best]
    methods = {
        OURS: _figures(ours),
        "PCA T² and Q": _figures(_pooled(recordings, _pca)),
        "everything an alarm": _figures(_pooled(recordings, lambda one: np.ones(len(one.rows), dtype=bool))),
    }
    return Board(len(recordings), methods, rules)


def _groups(recordings: Sequence[Recording]) -> list[str]:
    """Folders; the files themselves if all lie in one folder."""
    folders = [one.group for one in recordings]
    return folders if len(set(folders)) > 1 else [one.name for one in recordings]


def _nearest(rule: Rule) -> Rule:
    return min(RULES, key=lambda one: abs(one.on - rule.on) + abs(one.off_share - rule.off_share))


def _tried(one: Recording) -> Flags:
    """Alarms under every rule, rows by rules."""
    distance = Envelope.fit(one.rows[:HEALTHY]).distance(one.rows)
    return alarms(distance, np.array([rule.on for rule in RULES]), np.array([rule.off_share for rule in RULES]))


def _pca(one: Recording) -> Flags:
    """The textbook's monitor: principal components of single rows, alarm beyond the 99 % limit of either statistic."""
    healthy = one.rows[:HEALTHY]
    scaled = (one.rows - healthy.mean(axis=0)) / (healthy.std(axis=0) + 1e-9)
    _, singular, axes = np.linalg.svd(scaled[:HEALTHY], full_matrices=False)
    variances = singular**2 / (HEALTHY - 1)
    kept = int(np.searchsorted(np.cumsum(variances) / variances.sum(), _VARIANCE) + 1)
    scores = scaled @ axes[:kept].T
    t2 = (scores**2 / variances[:kept]).sum(axis=1)
    q = ((scaled - scores @ axes[:kept]) ** 2).sum(axis=1)
    return (t2 > np.quantile(t2[:HEALTHY], 0.99)) | (q > np.quantile(q[:HEALTHY], 0.99))


def _pooled(recordings: Sequence[Recording], method: Callable[[Recording], Flags]) -> Numbers:
    return np.sum([_counts(one, method(one)[:, None])[:, 0] for one in recordings], axis=0)


def _counts(one: Recording, said: Flags) -> Numbers:
    """True alarms, false alarms, missed, rightly quiet; four by the columns of `said`."""
    said, true = said[HEALTHY:], one.anomalous[HEALTHY:, None]
    return np.stack([(true & said).sum(0), (~true & said).sum(0), (true & ~said).sum(0), (~true & ~said).sum(0)])


def _f1(counts: Numbers) -> Numbers:
    found, false, missed, _ = counts
    return 2 * found / np.maximum(2 * found + false + missed, 1)


def _figures(counts: Numbers) -> Figures:
    found, false, missed, quiet = (float(count) for count in counts)
    return Figures(float(_f1(counts)), false / max(false + quiet, 1.0), missed / max(missed + found, 1.0))
