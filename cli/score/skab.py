"""The pump recordings: limits chosen on other groups than they are scored on, every point after the 400th counted.

Source of the protocol: the Skoltech Anomaly Benchmark; no point adjustment, all files pooled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from assets.models.monitor import Envelope, Flags, Numbers, alarms
from cli.score import delimited
from core.errors import InputError

OURS = "envelope"
HEALTHY = 400
"""First rows of a file: learnt from, never scored."""
_LABEL = "anomaly"
_NOT_SIGNALS = ("datetime", _LABEL, "changepoint")
GROUPS = ("valve1", "valve2", "other")
"""Of the benchmark: kinds of experiments."""
_VARIANCE = 0.9


@dataclass(frozen=True, slots=True)
class Rule:
    """Limit that raises an alarm, and the share of it below which the alarm ends."""

    on: float
    off_share: float


RULES = [Rule(float(on), share) for on, share in product(np.geomspace(2, 12, 16), (1.0, 0.8, 0.6, 0.5, 0.4, 0.3))]
"""What is tried."""
_PLACES = np.array([[np.log(rule.on), rule.off_share] for rule in RULES])
_HARDLY = 0.02
"""Of F1: rules that differ by less on a few files cannot be told apart."""
_USUAL = Rule(5.0, 0.6)
"""For a lone file, or beside files without an anomaly: there is nothing to choose on."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One file: its group, rows by signals, and whether each row is anomalous."""

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
class Chosen:
    """The rule that a group was scored by, the F1 it reached, and whether others had an anomaly to choose it on."""

    rule: Rule
    f1: float
    on_others: bool


@dataclass(frozen=True, slots=True)
class Board:
    """What was measured: files, figures of each method, and what was chosen for each group."""

    files: int
    methods: dict[str, Figures]
    chosen: dict[str, Chosen]


def read(folder: Path) -> list[Recording]:
    """Every labelled file below a folder; files without a column of labels are passed over.

    Raises:
        InputError: there is no folder, no labelled file in it, or one that cannot be used.
    """
    if not folder.is_dir():
        raise InputError("no such folder", received=str(folder), next_step="give the folder with the csv files")
    found = [one for path in delimited.files(folder) if (one := _recording(path, folder)) is not None]
    if not found:
        raise InputError("no labelled recording", expected=f"csv files with a column {_LABEL}", received=str(folder))
    return found


def _recording(path: Path, folder: Path) -> Recording | None:
    frame = delimited.table(path, _LABEL)
    if frame is None:
        return None
    if frame.height <= HEALTHY:
        raise InputError(
            "a recording is too short", expected=f"more than {HEALTHY} rows", received=frame.height, where=str(path),
            next_step=f"take the file away: the first {HEALTHY} rows are learnt from, and none is left to score",
        )  # fmt: skip
    words = frame[_LABEL].str.to_lowercase().replace({"true": "1", "false": "0"})
    labels = delimited.numbers(words)
    if labels.null_count():
        raise InputError(
            "every row has a label", expected=f"0 or 1 in {_LABEL}", received=f"{labels.null_count()} of "
            f"{frame.height} rows without", where=str(path),
        )  # fmt: skip
    name = path.relative_to(folder).as_posix()
    return Recording(name, _group(path.relative_to(folder)), _signals(frame, path), (labels > 0).to_numpy())


def _group(path: Path) -> str:
    """The benchmark's group if a folder is called so or the file's name begins so; else the folder; else the file."""
    known = [one for part in reversed(path.parts[:-1]) for one in GROUPS if part.lower() == one]
    known += [one for one in GROUPS if re.match(rf"{one}[^a-z0-9]", path.name.lower())]
    return known[0] if known else path.parent.as_posix()


def _signals(frame: pl.DataFrame, path: Path) -> Numbers:
    """Rows by signals, what is no number as the one before it.

    Columns that are empty, in words, or count rows are no signals, nor is one that was absent while the pump was
    healthy: nothing was learnt of it.
    """
    kept: list[pl.Series] = []
    for name in (name for name in frame.columns if name not in _NOT_SIGNALS):
        found = delimited.numbers(frame[name])
        told = found.drop_nulls().len()
        if not told and frame[name].str.contains(r"\d").any():
            first = frame[name].drop_nulls().first()
            raise InputError(
                "signals are numbers", expected="decimal points", received=first, where=f"{path}, column {name}"
            )
        if found[:HEALTHY].drop_nulls().len() and not _counts_rows(found):
            kept.append(found)
    if not kept:
        raise InputError("signals are numbers", expected="numeric columns", received="none", where=str(path))
    rows = pl.DataFrame(kept).fill_null(strategy="forward").fill_null(strategy="backward")
    return rows.to_numpy()


def _counts_rows(values: pl.Series) -> bool:
    steps = values.diff().drop_nulls()
    return not values.null_count() and steps[0] == 1 and steps.n_unique() == 1


def score(recordings: Sequence[Recording]) -> Board:
    """Score every file by the rule that does best on the other groups, and the classical methods beside it."""
    tried = np.stack([_counts(one, _tried(one)) for one in recordings])
    groups = np.array(_groups(recordings))
    chosen: dict[str, Chosen] = {}
    ours = np.zeros(4)
    for group in dict.fromkeys(groups.tolist()):
        others = tried[groups != group].sum(axis=0)
        best = _best(others)
        counts = tried[groups == group].sum(axis=0)[:, best]
        chosen[group] = Chosen(RULES[best], float(_f1(counts)), _tells(others))
        ours += counts
    methods = {
        OURS: _figures(ours),
        "PCA T² and Q": _figures(_pooled(recordings, _pca)),
        "everything an alarm": _figures(_pooled(recordings, lambda one: np.ones(len(one.rows), dtype=bool))),
    }
    return Board(len(recordings), methods, chosen)


def _groups(recordings: Sequence[Recording]) -> list[str]:
    """Groups; the files themselves where all are of one, since none would be left to choose on."""
    groups = [one.group for one in recordings]
    return groups if len(set(groups)) > 1 else [one.name for one in recordings]


def _best(others: Numbers) -> int:
    """The rule in the middle of those that do hardly worse than the best on other groups: the best alone is chance."""
    if not _tells(others):
        return _nearest(np.array([np.log(_USUAL.on), _USUAL.off_share]))
    scores = _f1(others)
    return _nearest(_PLACES[scores >= scores.max() - _HARDLY].mean(axis=0))


def _tells(others: Numbers) -> bool:
    """Whether there is an anomaly that alarms can be held against."""
    found, _, missed, _ = others if others.ndim else np.zeros((4, 1))
    return bool((found + missed).any())


def _nearest(place: Numbers) -> int:
    return int(np.argmin((((_PLACES - place) / np.ptp(_PLACES, axis=0)) ** 2).sum(axis=1)))


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
