"""Long recordings of one signal with windows around failures: found or not, how early, and what was raised for nothing.

Source of the files: the Numenta Anomaly Benchmark. Here a window is found by the first alarm inside it, alarms in the
first 15 % of a recording count neither way, and alarms outside windows are one false alarm as long as none is more than
a day after the one before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.models.level import level_distance
from assets.models.monitor import Numbers, alarms
from core.errors import InputError

PROBATION = 0.15
WINDOW = timedelta(hours=12)
"""Of the moving mean: machines that heat up and cool down with their shifts are compared by half days."""
ON, OFF_SHARE = 3.0, 0.5
_ONE_ALARM = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Recording:
    """One signal: when, how much, the windows, and the labelled moment of each."""

    name: str
    times: list[datetime]
    values: Numbers
    windows: list[tuple[datetime, datetime]]
    labels: list[datetime]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a recording: for each window the minutes from its first alarm to its label, None if missed."""

    name: str
    lead_minutes: list[float | None]
    false_alarms: int

    @property
    def detected(self) -> int:
        """Windows with an alarm in them."""
        return sum(lead is not None for lead in self.lead_minutes)


def read(folder: Path) -> list[Recording]:
    """Every recording that has windows and lies below the folder.

    Raises:
        InputError: there is no folder, no label file, no recording, or one that cannot be used.
    """
    if not folder.is_dir():
        raise InputError("no such folder", received=str(folder), next_step="give the folder with recordings and labels")
    windows, labels = _labels(folder, "combined_windows*.json"), _labels(folder, "combined_labels*.json")
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.csv"))}
    found = [
        _recording(key, path, spans, labels.get(key, []))
        for key, spans in windows.items()
        if spans and (path := _file_of(key, files)) is not None
    ]
    if not found:
        raise InputError("no labelled recording", expected=f"one of {', '.join(windows)}", received=str(folder))
    return found


def _labels(folder: Path, pattern: str) -> dict[str, list[Any]]:
    read: dict[str, list[Any]] = {}
    for path in sorted(folder.rglob(pattern)):
        try:
            read |= dict(json.loads(path.read_text(encoding="utf-8")).items())
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError("a label file cannot be read", received=str(error), where=str(path)) from error
    if not read:
        raise InputError("no labels", expected=pattern, received=str(folder))
    return read


def _file_of(key: str, files: dict[str, Path]) -> Path | None:
    """Labels name a file by its folder and name; it may lie deeper, or without that folder if no other has its name."""
    named = next((path for name, path in files.items() if name == key or name.endswith(f"/{key}")), None)
    alike = [path for path in files.values() if path.name == key.rsplit("/", 1)[-1]]
    return named or (alike[0] if len(alike) == 1 else None)


def _recording(key: str, path: Path, spans: Sequence[Sequence[str]], labels: Sequence[str]) -> Recording:
    try:
        rows = pl.read_csv(path, infer_schema_length=None)
        times = rows["timestamp"].str.to_datetime().dt.replace_time_zone(None)
        frame = pl.DataFrame({"timestamp": times, "value": rows["value"].cast(pl.Float64)})
        windows = [(_moment(begin), _moment(end)) for begin, end in spans]
        moments = [_moment(label) for label in labels]
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise InputError(
            "a recording cannot be read", expected="columns timestamp and value", received=str(error), where=str(path)
        ) from error
    if len(moments) != len(windows):
        raise InputError(
            "every window has a label", expected=f"{len(windows)} labels", received=len(moments), where=key
        )
    if frame["timestamp"].head(1).to_list() > frame["timestamp"].tail(1).to_list():
        frame = frame.reverse()
    finite = frame.select(pl.when(pl.col("value").is_finite()).then("value"))["value"]
    values = finite.fill_null(strategy="forward").fill_null(strategy="backward")
    if frame.height < 2 or values.null_count():
        raise InputError("a recording is empty", expected="two rows at least", received=frame.height, where=str(path))
    return Recording(key, frame["timestamp"].to_list(), values.to_numpy(), windows, moments)


def _moment(text: str) -> datetime:
    """Of a recording's own clock, whatever zone it is said to be in."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def judge(one: Recording) -> Judged:
    """Raise alarms as the recording goes on, and hold them against its windows."""
    step = float(np.median(np.diff(np.array(one.times, dtype="datetime64[us]")).astype(float))) / 1e6
    known = int(PROBATION * len(one.values))
    rows = max(1, round(WINDOW.total_seconds() / step)) if step > 0 else 1
    stands = alarms(level_distance(one.values, rows, known), ON, OFF_SHARE)
    raised = np.flatnonzero(stands & ~np.concatenate([[False], stands[:-1]]))
    moments = [one.times[row] for row in raised if row >= known]
    leads = [
        next(((label - at).total_seconds() / 60 for at in moments if begin <= at <= end), None)
        for (begin, end), label in zip(one.windows, one.labels, strict=True)
    ]
    outside = [at for at in moments if not any(begin <= at <= end for begin, end in one.windows)]
    return Judged(one.name, leads, _apart(outside))


def _apart(moments: Sequence[datetime]) -> int:
    """Alarms that are more than a day after the one before."""
    ordered = sorted(moments)
    return sum(not n or at - ordered[n - 1] > _ONE_ALARM for n, at in enumerate(ordered))


def spelled(leads: Sequence[float | None]) -> str:
    """Leads as people read them."""
    return ", ".join("missed" if lead is None else f"{lead:.0f}" for lead in leads)
