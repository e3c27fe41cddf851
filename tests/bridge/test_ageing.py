"""Readings age by time that passes: a clock that is set, ahead or back, running or switched off, removes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import segments
from bridge.ageing import Ageing
from bridge.driver import Scan
from bridge.recorder import Recorder
from bridge.store import Store, set_meta
from core import clock, faults
from core.contracts.reading import Sample

DAY_S = 86_400
DAY_US = DAY_S * 1_000_000


@pytest.fixture
def armed(tmp_path: Path) -> Iterator[Path]:
    """A folder of fault points; by one the wall clock is set, by the other time passes."""
    folder = tmp_path / "faults"
    folder.mkdir()
    faults.arm(folder)
    yield folder
    faults.arm(None)


class Historian:
    """A home folder with one file a reading, and retention of thirty days."""

    def __init__(self, home: Path, site, armed: Path) -> None:
        self.home, self.site, self.armed = home, site, armed

    def read(self, number: int) -> None:
        with Store.open(self.home) as store:
            recorder = Recorder(store, self.site, clocked=False)
            recorder.record([Scan([Sample("p1", "flow", number, 1.0, None, 0)])])
            recorder.close()
            with store.writing() as connection:
                set_meta(connection, "checkpoint", connection.execute("select max(id) from frames").fetchone()[0])
                segments.seal(connection, self.home, rows=1, age_s=0)

    def runs(self, *, clocks: tuple[float, ...] = (0.0,), days_each: float = 0.0) -> int:
        """One process that looks once for every reading of its clock; readings it removed."""
        removed = 0
        passed = float((self.armed / clock.UPTIME).read_text()) if (self.armed / clock.UPTIME).exists() else 0.0
        with Store.open(self.home) as store, store.writing() as connection:
            ageing = Ageing(connection)
            for wrong_s in clocks:
                passed += days_each * DAY_S
                (self.armed / clock.UPTIME).write_text(str(passed))
                (self.armed / clock.CLOCK).write_text(str(wrong_s + passed))
                age = ageing.advance()
                removed += segments.retain(connection, self.home, days=30, most_bytes=1 << 30, age_us=age)
        return removed


@pytest.fixture
def historian(tmp_path: Path, build, armed: Path) -> Historian:
    found = Historian(tmp_path / "home", build("- name: flow").site, armed)
    found.read(1)
    assert found.runs() == 0
    return found


@pytest.mark.parametrize("wrong_days", [366, -366, 20_000])
def test_a_clock_that_is_set_while_the_bridge_runs_removes_nothing_and_is_told(
    historian: Historian, wrong_days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert historian.runs(clocks=(0.0, wrong_days * DAY_S, wrong_days * DAY_S, 0.0)) == 0
    assert "".join(capsys.readouterr()).count("the clock was set") == 2


@pytest.mark.parametrize("wrong_days", [366, -366])
def test_a_clock_that_was_set_while_the_bridge_was_away_removes_nothing(
    historian: Historian, armed: Path, wrong_days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        (armed / clock.CLOCK).write_text(str(wrong_days * DAY_S))
        assert historian.runs(clocks=(wrong_days * DAY_S,)) == 0
        (armed / clock.CLOCK).write_text("0")
        assert historian.runs() == 0
    assert "away for longer than is believed" in "".join(capsys.readouterr())


def test_what_has_lain_for_its_days_goes_whatever_the_clock_says(historian: Historian) -> None:
    historian.runs(clocks=(0.0,) * 20, days_each=1)
    historian.read(2)
    assert historian.runs(clocks=(-366.0 * DAY_S,) * 9, days_each=1) == 0
    assert historian.runs(clocks=(-366.0 * DAY_S,) * 2, days_each=1) == 1
    assert historian.runs(clocks=(0.0,) * 18, days_each=1) == 0
    assert historian.runs(clocks=(0.0,) * 3, days_each=1) == 1


def test_readings_of_a_clock_without_a_battery_are_as_new_as_any(historian: Historian, armed: Path) -> None:
    (armed / clock.CLOCK).write_text(str(-20_000 * DAY_S))
    historian.read(2)
    (armed / clock.CLOCK).write_text("0")
    assert historian.runs(clocks=(0.0,) * 25, days_each=1) == 0
