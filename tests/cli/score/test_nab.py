"""One long signal with failures in windows: found, how early, and what was raised for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from cli.score import nab
from core.errors import InputError

START = datetime(2024, 1, 1)
KEY = "realKnownCause/machine.csv"


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def write(folder: Path, drops: list[tuple[float, float]], windows: list[tuple[float, float]]) -> None:
    """Sixty days at five minutes around 80; the level drops between some days. A label is the middle of its window."""
    chance = np.random.default_rng(11)
    values = 80 + chance.normal(0, 2, 60 * 288) + 4 * np.sin(np.arange(60 * 288) / 500)
    for begin, end in drops:
        values[int(begin * 288) : int(end * 288)] -= 40
    lines = [f"{START + timedelta(minutes=5 * n)},{value}" for n, value in enumerate(values)]
    (folder / "data" / "realKnownCause").mkdir(parents=True)
    (folder / "data" / KEY).write_text("\n".join(["timestamp,value", *lines]))
    (folder / "labels").mkdir()
    spans = [[f"{at(begin)}.000000", f"{at(end)}.000000"] for begin, end in windows]
    (folder / "labels" / "combined_windows.json").write_text(json.dumps({KEY: spans, "elsewhere/other.csv": []}))
    middle = [str(at((begin + end) / 2)) for begin, end in windows]
    (folder / "labels" / "combined_labels.json").write_text(json.dumps({KEY: middle}))


def test_windows_leads_and_false_alarms_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    # Found, missed, and two alarms for nothing within a day of each other.
    write(tmp_path, drops=[(30.2, 30.8), (50.0, 50.4), (51.0, 51.3)], windows=[(30, 32), (40, 41)])
    assert main(["score", "nab", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures.keys() == {"windows", "detected", "lead_minutes", "false_alarms"}
    assert (figures["windows"], figures["detected"], figures["false_alarms"]) == (2, 1, 1)
    found, missed = figures["lead_minutes"]
    assert missed is None
    assert 0 < found < 0.8 * 24 * 60


def test_alarms_in_the_first_part_count_neither_way(tmp_path: Path):
    write(tmp_path, drops=[(5.0, 5.5), (7.0, 7.5)], windows=[(4.5, 5.5)])
    [one] = nab.read(tmp_path)
    assert nab.judge(one) == nab.Judged(KEY, [None], 0)


def test_a_flat_folder_another_order_and_a_zone_give_the_same(tmp_path: Path):
    write(tmp_path / "a", drops=[(30.2, 30.8)], windows=[(30, 32)])
    [one] = nab.read(tmp_path / "a")
    flat = tmp_path / "b"
    flat.mkdir()
    for path in (tmp_path / "a" / "labels").iterdir():
        (flat / path.name).write_text(path.read_text())
    head, *lines = (tmp_path / "a" / "data" / KEY).read_text().splitlines()
    zoned = [line.replace(",", "+00:00,") for line in reversed(lines)]
    (flat / "machine.csv").write_text("\n".join([head, *zoned]))
    [other] = nab.read(flat)
    assert nab.judge(one) == nab.judge(other)
    assert nab.judge(one).detected == 1


def test_names_times_and_separators_of_other_kinds_give_the_same(tmp_path: Path):
    write(tmp_path, drops=[(30.2, 30.8)], windows=[(30, 32), (40, 41)])
    whole = nab.judge(nab.read(tmp_path)[0])
    path = tmp_path / "data" / KEY
    head, *lines = path.read_text().splitlines()
    chance = np.random.default_rng(2)
    mixed = [lines[n].replace(",", ";") for n in chance.permutation(len(lines))]
    path.write_text("\n".join([head.title().replace(",", ";"), ";", *mixed]))
    labels = tmp_path / "labels" / "combined_labels.json"
    moments = json.loads(labels.read_text())[KEY]
    # One more within a window, the others in another order and form, the file named without its folder.
    told = {"machine.csv": [moments[1].replace("-", "/"), f"{moments[0]}.000000", str(at(31.5))]}
    labels.write_text("\ufeff" + json.dumps(told), encoding="utf-8")
    assert nab.judge(nab.read(tmp_path)[0]) == whole


def test_a_recording_without_windows_has_only_false_alarms_to_give(tmp_path: Path):
    write(tmp_path, drops=[(30.2, 30.8)], windows=[])
    [one] = nab.read(tmp_path)
    assert nab.judge(one) == nab.Judged(KEY, [], 1)


def test_alarms_are_raised_without_a_label_and_without_what_comes_later(tmp_path: Path):
    write(tmp_path, drops=[(30.2, 30.8), (50.0, 50.4)], windows=[(30, 32)])
    [one] = nab.read(tmp_path)
    raised = nab.raised(one.times, one.values)
    moved = replace(one, windows=[nab.Window(at(49), at(51), at(50))])
    assert nab.judge(moved).lead_minutes != nab.judge(one).lead_minutes
    later = one.values.copy()
    later[45 * 288 :] = 500.0
    assert [moment for moment in raised if moment < at(45)] == [
        moment for moment in nab.raised(one.times, later) if moment < at(45)
    ]
    assert len(raised) == 2


def test_a_name_that_two_recordings_have_is_refused(tmp_path: Path):
    write(tmp_path, drops=[], windows=[(30, 32)])
    path = tmp_path / "data" / KEY
    (tmp_path / "realKnownCause").mkdir()
    (tmp_path / KEY).write_text(path.read_text())
    assert len(nab.read(tmp_path)) == 1
    (tmp_path / KEY).write_text(path.read_text() + "\n2024-05-01 00:00:00,80\n")
    with pytest.raises(InputError, match="several recordings"):
        nab.read(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        nab.read(tmp_path / "none")
    with pytest.raises(InputError, match="no labels"):
        nab.read(tmp_path)
    write(tmp_path, drops=[], windows=[(30, 32)])
    labels = tmp_path / "labels" / "combined_labels.json"
    labels.write_text(json.dumps({"elsewhere/other.csv": []}))
    with pytest.raises(InputError, match="every window has a label"):
        nab.read(tmp_path)
    labels.write_text("[1, 2]")
    with pytest.raises(InputError, match="label file cannot be read"):
        nab.read(tmp_path)
    labels.write_text("[")
    with pytest.raises(InputError, match="label file cannot be read"):
        nab.read(tmp_path)
    labels.write_text(json.dumps({KEY: [str(at(31))]}))
    for text in ("timestamp,value\nyesterday,1\n", "a,b\n1,2\n", f"timestamp,value\n{at(1)},x\n"):
        (tmp_path / "data" / KEY).write_text(text)
        with pytest.raises(InputError, match=r"machine\.csv: a recording cannot be read"):
            nab.read(tmp_path)
    windows = tmp_path / "labels" / "combined_windows.json"
    windows.write_text(json.dumps({KEY: [[str(at(32)), str(at(30))]]}))
    with pytest.raises(InputError, match="ends before it begins"):
        nab.read(tmp_path)
    windows.write_text(json.dumps({KEY: [str(at(32))]}))
    with pytest.raises(InputError, match="labels cannot be read"):
        nab.read(tmp_path)
