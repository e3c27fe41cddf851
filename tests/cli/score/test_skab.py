"""Pump recordings in the benchmark's form, with faults whose rows are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from cli.score import skab
from core.errors import InputError


def write(path: Path, seed: int, fault: float) -> Path:
    """1,000 rows of two signals; the second leaves the first by `fault` in rows 600 to 800."""
    chance = np.random.default_rng(seed)
    load = np.sin(np.arange(1000) / 40)
    flow, current = 30 + load + chance.normal(0, 0.2, 1000), 5 + load + chance.normal(0, 0.2, 1000)
    current[600:800] += fault
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["datetime;Flow;Current;anomaly;changepoint"]
    for n in range(1000):
        lines.append(f"2020-03-09 10:{n // 60:02}:{n % 60:02};{flow[n]};{current[n]};{float(600 <= n < 800)};0.0")
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for group, seeds in (("valve1", (1, 2)), ("valve2", (3,)), ("other", (4,))):
        for seed in seeds:
            write(tmp_path / "deep" / group / f"{seed}.csv", seed, 3.0)
    (tmp_path / "anomaly-free.csv").write_text("datetime;Flow\n2020-03-09 10:00:00;1.0\n")
    return tmp_path


def test_the_last_line_has_the_figures_of_the_labelled_files(recordings: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["score", "skab", str(recordings)]) == 0
    out = capsys.readouterr().out.splitlines()
    figures = json.loads(out[-1])
    assert figures.keys() == {"files", "f1", "far", "mar"}
    assert figures["files"] == 4
    assert figures["f1"] > 0.9
    assert figures["mar"] < 0.1
    assert any(line.startswith("PCA") for line in out)


def test_everything_an_alarm_is_the_share_of_anomalous_points(recordings: Path):
    board = skab.score(skab.read(recordings))
    assert board.methods["everything an alarm"] == skab.Figures(f1=2 * 200 / (200 + 600), far=1.0, mar=0.0)


def test_a_group_is_scored_by_the_rule_that_does_best_on_the_others(tmp_path: Path):
    write(tmp_path / "loud" / "1.csv", 1, 8.0)
    write(tmp_path / "quiet" / "2.csv", 2, 0.6)
    both = skab.score(skab.read(tmp_path))
    other = skab.score(skab.read(tmp_path / "quiet"))
    assert set(both.chosen) == {"loud", "quiet"}
    assert both.chosen["loud"].rule != both.chosen["quiet"].rule
    # Alone, the file of a group is a group of its own, and there is nothing to choose on.
    assert list(other.chosen) == ["2.csv"]


def test_labels_of_a_group_change_neither_its_rule_nor_its_alarms(recordings: Path):
    read = skab.read(recordings)
    before = skab.score(read).chosen["other"].rule
    turned = [replace(one, anomalous=~one.anomalous) if one.group == "other" else one for one in read]
    after = skab.score(turned)
    assert after.chosen["other"].rule == before
    # What was an alarm found is a false one now, and the other way round: the alarms themselves are the same.
    one = read[0]
    old, new = (skab.score([each]).methods[skab.OURS] for each in (one, replace(one, anomalous=~one.anomalous)))
    assert new.far == pytest.approx(1 - old.mar)
    assert new.mar == pytest.approx(1 - old.far)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("valve1/3.csv", "valve1"),
        ("Valve1/deep/er/3.csv", "valve1"),
        ("valve2_3.csv", "valve2"),
        ("a/run/3.csv", "a/run"),
        ("another.csv", "."),
    ],
)
def test_a_group_is_told_by_folder_or_name(tmp_path: Path, name: str, group: str):
    write(tmp_path / name, 1, 3.0)
    assert [one.group for one in skab.read(tmp_path)] == [group]


def test_separators_columns_and_neighbours_of_other_kinds_change_nothing(recordings: Path):
    whole = skab.score(skab.read(recordings))
    path = next(recordings.rglob("4.csv"))
    head, *lines = path.read_text().splitlines()
    wide = [f"{n};{line};;ok;" for n, line in enumerate(lines)]
    text = "\n".join([f"\ufeffindex; {head.replace('anomaly', 'Anomaly')};empty;note;", *wide])
    path.write_text(text.replace(";", ","))
    (recordings / "terms.csv").write_text('word,"a ""cited"" one;\n1,2,3\n"')
    (recordings / "bytes.csv").write_bytes(bytes(range(256)))
    path.rename(path.with_suffix(".CSV"))
    again = skab.score(skab.read(recordings))
    assert (again.files, again.methods) == (whole.files, whole.methods)


def test_a_signal_that_began_after_the_healthy_rows_is_none(tmp_path: Path):
    path = write(tmp_path / "1.csv", 1, 3.0)
    head, *lines = path.read_text().splitlines()
    late = [f"{'' if n < 450 else n % 7};{line}" for n, line in enumerate(lines)]
    path.write_text("\n".join([f"Late;{head}", *late]))
    assert skab.read(tmp_path)[0].rows.shape == (1000, 2)


def test_files_without_an_anomaly_choose_nothing(tmp_path: Path):
    for group, seed in (("a", 1), ("b", 2)):
        path = write(tmp_path / group / "1.csv", seed, 0.0)
        path.write_text(path.read_text().replace(";1.0;0.0", ";0.0;0.0"))
    board = skab.score(skab.read(tmp_path))
    assert board.chosen["a"].rule == board.chosen["b"].rule
    assert not board.chosen["a"].on_others
    assert board.methods[skab.OURS].far < 0.2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("datetime;Flow;anomaly\n" + 401 * "x;fast;0.0\n", "signals are numbers"),
        ("datetime;Flow;anomaly\n" + 401 * "x;1,5;0.0\n", "decimal points"),
        ("datetime;Flow;anomaly\nx;1.0;0.0\n", "too short"),
        ("datetime;Flow;anomaly\n" + 401 * "x;1.0;0.0\n" + "y;1.0;\n", "every row has a label"),
        ("datetime;Flow;anomaly\n" + 401 * "x;1.0;yes\n", "every row has a label"),
    ],
)
def test_a_file_that_cannot_be_scored_is_named(tmp_path: Path, text: str, says: str):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        skab.read(tmp_path)
    assert "bad.csv" in str(caught.value)


def test_an_empty_file_has_no_labels_and_what_is_no_number_is_the_one_before(tmp_path: Path):
    path = write(tmp_path / "valve1" / "1.csv", 1, 3.0)
    whole = skab.score(skab.read(tmp_path))
    (tmp_path / "valve1" / "empty.csv").write_text("")
    lines = path.read_text().splitlines()
    cells = lines[50].split(";")
    lines[50] = ";".join([cells[0], "inf", *cells[2:]])
    path.write_text("\n".join(lines))
    found = skab.score(skab.read(tmp_path))
    assert found.files == 1
    assert abs(found.methods[skab.OURS].f1 - whole.methods[skab.OURS].f1) < 0.05


def test_a_folder_without_recordings_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["score", "skab", str(tmp_path)]) == 2
    assert "no labelled recording" in "".join(capsys.readouterr())
    assert main(["score", "skab", str(tmp_path / "none")]) == 2
    assert "no such folder" in "".join(capsys.readouterr())
