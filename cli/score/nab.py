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
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from assets.models.level import level_distance
from assets.models.monitor import Numbers, alarms
from cli.score import delimited
from core.errors import InputError

PROBATION = 0.15
WINDOW = timedelta(hours=12)
"""Of the moving mean: machines that heat up and cool down with their shifts are compared by half days."""
ON, OFF_SHARE = 3.0, 0.5
_ONE_ALARM = timedelta(hours=24)
_LEAST_ROWS = 2


class Window(NamedTuple):
    """From when to when an alarm counts as early or in time, and the labelled moment."""

    begin: datetime
    end: datetime
    label: datetime


@dataclass(frozen=True, slots=True)
class Recording:
    """One signal: when, how much, and the windows around its failures."""

    name: str
    times: list[datetime]
    values: Numbers
    windows: list[Window]


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
    """Every recording below the folder that its labels name; one without windows has only false alarms to give.

    Raises:
        InputError: there is no folder, no label file, no recording, or one that cannot be used.
    """
    if not folder.is_dir():
        raise InputError("no such folder", received=str(folder), next_step="give the folder with recordings and labels")
    windows, labels = _labels(folder, "combined_windows*.json"), _labels(folder, "combined_labels*.json")
    files = {path.relative_to(folder).as_posix(): path for path in delimited.files(folder)}
    found = [
        _recording(key, path, _windows(key, spans, _labels_of(key, labels)))
        for key, spans in windows.items()
        if (path := _file_of(key, files)) is not None
    ]
    if not found:
        raise InputError("no labelled recording", expected=f"one of {', '.join(windows)}", received=str(folder))
    return found


def _labels(folder: Path, pattern: str) -> dict[str, list[Any]]:
    read: dict[str, list[Any]] = {}
    for path in sorted(folder.rglob(pattern)):
        try:
            read |= dict(json.loads(path.read_text(encoding="utf-8-sig")).items())
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError("a label file cannot be read", received=str(error), where=str(path)) from error
    if not read:
        raise InputError("no labels", expected=pattern, received=str(folder))
    return read


def _labels_of(key: str, labels: dict[str, list[Any]]) -> list[Any]:
    """Of the same file, named with or without its folder."""
    named = [moments for name, moments in labels.items() if PurePosixPath(name).name == PurePosixPath(key).name]
    return labels.get(key) or (named[0] if len(named) == 1 else []) or []


def _file_of(key: str, files: dict[str, Path]) -> Path | None:
    """Labels name a file by its folder and name; it may lie deeper, or without that folder if no other has its name."""
    named = [path for name, path in files.items() if name == key or name.endswith(f"/{key}")]
    alike = named or [path for path in files.values() if path.name == PurePosixPath(key).name]
    if len(alike) > 1 and (not named or len({path.read_bytes() for path in alike}) > 1):
        raise InputError(
            "several recordings have the name in the labels", expected="one", received=[str(path) for path in alike],
            where=key, next_step="give the folder of one of them",
        )  # fmt: skip
    return alike[0] if alike else None


def _windows(key: str, spans: Any, labels: Sequence[Any]) -> list[Window]:
    """Windows with the first labelled moment inside; the one in its place if none is and there are as many."""
    try:
        windows = [(_moment(begin), _moment(end)) for begin, end in spans or []]
        moments = [_moment(label) for label in labels]
    except (ValueError, TypeError) as error:
        raise InputError(
            "labels cannot be read", expected="a list of [begin, end], and moments", received=str(error), where=key
        ) from error
    found: list[Window] = []
    for place, (begin, end) in enumerate(windows):
        if end < begin:
            raise InputError("a window ends before it begins", received=f"{begin} to {end}", where=key)
        inside = [moment for moment in moments if begin <= moment <= end]
        if not inside and len(moments) != len(windows):
            raise InputError(
                "every window has a label", expected=f"one from {begin} to {end}", received=labels, where=key
            )
        found.append(Window(begin, end, min(inside) if inside else moments[place]))
    return found


def _recording(key: str, path: Path, windows: list[Window]) -> Recording:
    frame = delimited.table(path, "timestamp")
    if frame is None or "value" not in frame.columns:
        raise InputError("a recording cannot be read", expected="columns timestamp and value", where=str(path))
    try:
        times = frame["timestamp"].str.strip_chars().str.to_datetime().dt.replace_time_zone(None)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            "a recording cannot be read", expected="times like 2014-01-27 14:20:00",
            received=frame["timestamp"].drop_nulls().first(), where=str(path),
        ) from error  # fmt: skip
    values = delimited.numbers(frame["value"])
    if values.null_count() > values.len() / 2:
        raise InputError(
            "a recording cannot be read", expected="numbers in value", received=frame["value"].drop_nulls().first(),
            where=str(path),
        )  # fmt: skip
    told = pl.DataFrame({"at": times, "value": values}).drop_nulls("at").sort("at", maintain_order=True)
    if told.height < _LEAST_ROWS:
        raise InputError(
            "a recording is too short", expected=f"{_LEAST_ROWS} rows at least", received=told.height, where=str(path)
        )
    whole = told["value"].fill_null(strategy="forward").fill_null(strategy="backward")
    return Recording(key, told["at"].to_list(), whole.to_numpy(), windows)


def _moment(text: str) -> datetime:
    """Of a recording's own clock, whatever zone it is said to be in."""
    return datetime.fromisoformat(text.strip().replace("/", "-")).replace(tzinfo=None)


def judge(one: Recording) -> Judged:
    """Hold the alarms of a recording against its windows."""
    moments = raised(one.times, one.values)
    leads = [
        next(((window.label - at).total_seconds() / 60 for at in moments if window.begin <= at <= window.end), None)
        for window in one.windows
    ]
    outside = [at for at in moments if not any(window.begin <= at <= window.end for window in one.windows)]
    return Judged(one.name, leads, _apart(outside))


def raised(times: Sequence[datetime], values: Numbers) -> list[datetime]:
    """When alarms are raised, as the recording goes on."""
    step = float(np.median(np.diff(np.array(times, dtype="datetime64[us]")).astype(float))) / 1e6
    known = int(PROBATION * len(values))
    rows = max(1, round(WINDOW.total_seconds() / step)) if step > 0 else 1
    stands = alarms(level_distance(values, rows, known), ON, OFF_SHARE)
    begins: list[int] = np.flatnonzero(stands & ~np.concatenate([[False], stands[:-1]])).tolist()
    return [times[row] for row in begins if row >= known]


def _apart(moments: Sequence[datetime]) -> int:
    """Alarms that are more than a day after the one before."""
    ordered = sorted(moments)
    return sum(not n or at - ordered[n - 1] > _ONE_ALARM for n, at in enumerate(ordered))


def spelled(leads: Sequence[float | None]) -> str:
    """Leads as people read them."""
    return ", ".join("missed" if lead is None else f"{lead:.0f}" for lead in leads)
