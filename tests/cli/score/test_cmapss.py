"""Turbofan fleets in the set's own form, with wear whose end is known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from cli.score import cmapss
from core.errors import InputError

CHANCE = np.random.default_rng(21)


def engine(number: int, life: int, last: int) -> list[str]:
    """Cycles of one engine up to `last`; two regimes, and one sensor that rises towards its end."""
    lines: list[str] = []
    for cycle in range(1, last + 1):
        regime = int(CHANCE.integers(0, 2))
        sensors = [100.0 + 50 * regime] * 21
        sensors[3] += 8 * float(np.exp((cycle - life) / 20)) + float(CHANCE.normal(0, 0.2))
        sensors[8] += float(CHANCE.normal(0, 1))
        settings = [20.0 * regime + float(CHANCE.normal(0, 0.001)), 0.5 * regime, 100.0]
        lines.append(" ".join(f"{value:.4f}" for value in (number, cycle, *settings, *sensors)) + "  ")
    return lines


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    lives = [int(CHANCE.integers(90, 130)) for _ in range(14)]
    left = [4, 8, 15, 30, 45, 3]
    train = [line for n, life in enumerate(lives, 1) for line in engine(n, life, life)]
    test = [line for n, gone in enumerate(left, 1) for line in engine(n, 110, 110 - gone)]
    (folder / "train_FD009.txt").write_text("\n".join(train))
    (folder / "test_FD009.txt.gz").write_bytes(gzip.compress("\n".join(test).encode()))
    (folder / "RUL_FD009.txt").write_text("\n".join(f"{gone} " for gone in left))
    (folder / "train_FD010.txt").write_text("only a train file, no subset\n")
    return folder


def test_the_last_line_lists_each_whole_subset(fleet: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["score", "cmapss", str(fleet)]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines()[:2] == [f"missing, so not scored: {part}_FD010.txt" for part in ("test", "RUL")]
    out = said.out.splitlines()
    [figures] = json.loads(out[-1])
    assert figures.keys() == {"subset", "rmse", "rmse_capped", "phm08", "coverage90", "width90"}
    assert figures["subset"] == "FD009"
    assert figures["rmse"] < 15
    assert 0 <= figures["coverage90"] <= 1
    assert figures["width90"] > 0
    assert any(line.startswith("FD009, on engines of the train file held out of the fit: RMSE capped ") for line in out)
    assert any(line.startswith("FD009, least left: engine ") and "sensor_04" in line for line in out)


def test_what_is_said_of_an_engine_does_not_hang_on_the_other_test_engines(fleet: Path):
    [subset] = cmapss.read(fleet)
    one_regime = cmapss.pl.col("setting_1") < 10
    train, test = subset.train.filter(one_regime), subset.test.filter(one_regime)
    all_of_them = cmapss.said(train, test)
    alone = cmapss.said(train, test.filter(cmapss.pl.col("engine") == 4))
    names = ["life_median", "life_low", "life_high"]
    assert alone.rows.select(names).row(0) == pytest.approx(all_of_them.rows.select(names).row(3))
    assert alone.unseen_rmse == all_of_them.unseen_rmse


def test_form_of_the_files_changes_nothing(fleet: Path, tmp_path: Path):
    [subset] = cmapss.read(fleet)
    rows = (fleet / "train_FD009.txt").read_text().splitlines()
    (tmp_path / "a").mkdir()
    chance = np.random.default_rng(3)
    mixed = "\r\n".join(rows[n].strip().replace(" ", ",") for n in chance.permutation(len(rows)))
    (tmp_path / "a" / "TRAIN_FD009.TXT").write_text("\ufeff" + mixed, encoding="utf-8")
    (tmp_path / "b.test").mkdir()
    (tmp_path / "b.test" / "test_fd009.txt.GZ").write_bytes((fleet / "test_FD009.txt.gz").read_bytes())
    (tmp_path / "rul_fd009.txt").write_text((fleet / "RUL_FD009.txt").read_text())
    [other] = cmapss.read(tmp_path)
    assert other.train.equals(subset.train)
    assert other.test.equals(subset.test)


def test_a_subset_that_lies_in_two_folders_is_two_and_never_mixed(fleet: Path, tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for path in fleet.glob("*_FD009*"):
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    (tmp_path / "b" / "RUL_FD009.txt").write_text("1\n2\n3\n4\n5\n6\n")
    a, b = cmapss.read(tmp_path)
    assert (a.name, b.name) == ("a/FD009", "b/FD009")
    assert a.truth.tolist() == [4, 8, 15, 30, 45, 3]
    assert b.truth.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_sensor_that_was_not_read_keeps_its_value(fleet: Path, tmp_path: Path):
    for path in fleet.glob("*_FD009*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    train = tmp_path / "train_FD009.txt"
    rows = [line.split() for line in train.read_text().splitlines()]
    for n, row in enumerate(rows):
        row[6] = "nan" if n == 5 else row[6]
        row[20] = "nan"
    train.write_text("\n".join(" ".join(row) for row in rows))
    [subset] = cmapss.read(tmp_path)
    assert subset.train["sensor_02"][5] == subset.train["sensor_02"][4]
    assert subset.train["sensor_16"].to_list() == [0.0] * len(rows)
    test = gzip.decompress((tmp_path / "test_FD009.txt.gz").read_bytes()).decode().replace("100.0000", "nan")
    (tmp_path / "test_FD009.txt.gz").write_bytes(gzip.compress(test.encode()))
    with pytest.raises(InputError, match="cannot be read"):
        cmapss.read(tmp_path)


def test_figures_are_what_their_definitions_say():
    subset = cmapss.Subset("X", cmapss.pl.DataFrame(), cmapss.pl.DataFrame(), np.array([10.0, 150.0]))
    rows = cmapss.pl.DataFrame(
        {
            "equipment_id": ["1", "2"],
            "life_median": [20.0, 130.0],
            "life_low": [12.0, 100.0],
            "life_high": [30.0, 160.0],
        }
    )
    why = {"1": "heat 3 spreads above its own baseline since 2024-01-05"}
    figures = cmapss.figures(subset, cmapss.Said(rows, why, unseen_rmse=9.0, unseen_coverage=0.9))
    assert figures.rmse == pytest.approx(np.sqrt((10**2 + 20**2) / 2))
    assert figures.rmse_capped == pytest.approx(np.sqrt(10**2 / 2))
    assert figures.phm08 == pytest.approx(np.expm1(10 / 10) + np.expm1(20 / 13))
    assert (figures.coverage90, figures.width90) == (0.5, 39.0)
    assert figures.drivers == "engine 1: heat 3 spreads above its own baseline since cycle 5"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("RUL_FD009.txt", "1\n2\n", "every test engine has a truth"),
        ("train_FD009.txt", "1 2 3\n", "a file has other columns"),
        ("train_FD009.txt", "one two\n", "a file has other columns"),
        ("RUL_FD009.txt", "4\neight\n15\n30\n45\n3\n", "a file cannot be read"),
        ("RUL_FD009.txt", "4\n-8\n15\n30\n45\n3\n", "not negative"),
        ("train_FD009.txt", f"1.5 1{24 * ' 0'}\n", "whole numbers"),
        ("train_FD009.txt", f"1 1{24 * ' 0'}\n" * 2, "cycle 1 twice"),
        ("train_FD009.txt", "", "a file has other columns"),
        ("RUL_FD009.txt", "4\nnan\n15\n30\n45\n3\n", "line 2: a file cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(fleet: Path, tmp_path: Path, name: str, text: str, says: str):
    for path in fleet.glob("*_FD009*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        cmapss.read(tmp_path)
    assert name in str(caught.value)


def test_a_folder_without_a_whole_subset_is_one_line(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        cmapss.read(tmp_path / "none")
    (tmp_path / "train_FD001.txt").write_text("1 2\n")
    with pytest.raises(InputError, match=r"missing: test_FD001\.txt, RUL_FD001\.txt"):
        cmapss.read(tmp_path)
    (tmp_path / "train_FD001.txt").unlink()
    for part in ("train", "test", "RUL"):
        (tmp_path / f"{part}_FD001.txt.gz").write_bytes(gzip.compress(b"1 2 3" * 99)[:20])
    with pytest.raises(InputError, match="a file cannot be read"):
        cmapss.read(tmp_path)
