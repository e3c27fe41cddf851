"""One long signal with failures in windows: found, how early, and what was raised for nothing."""

from __future__ import annotations

import json
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
    (tmp_path / "data" / KEY).write_text("timestamp,value\nyesterday,1\n")
    with pytest.raises(InputError, match="recording cannot be read"):
        nab.read(tmp_path)
