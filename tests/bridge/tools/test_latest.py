"""The newest reading of every signal, wherever it lies: journal, sealed file, or a file that retention has removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import historian
from bridge.driver import Scan
from bridge.latest import latest, position
from bridge.recorder import Recorder
from bridge.segments import note_latest, retain, seal
from bridge.store import Store, set_meta, transaction
from bridge.tools.reading import as_row, moment, snapshot
from core.contracts.reading import Sample

SECOND = 1_000_000
T0 = 1_704_067_200 * SECOND


def read(second: float, value: float | None, signal: str = "flow", text: str | None = None) -> Sample:
    return Sample("p1", signal, T0 + int(second * SECOND), value, text, 0)


class Home:
    """A bridge's home folder that is written to."""

    def __init__(self, store: Store, build) -> None:
        self.store, self.site = store, build("- name: flow", signals=("flow", "level", "state")).site
        self.recorder = Recorder(store, self.site, clocked=False)

    def take(self, *samples: Sample) -> None:
        self.recorder.record([Scan(list(samples))])

    def seal(self) -> int:
        with self.store.writing() as connection:
            with transaction(connection):
                set_meta(connection, "checkpoint", position(self.store.home))
            return seal(connection, self.store.home, rows=1, age_s=0)


@pytest.fixture
def home(tmp_path: Path, build):
    with Store.open(tmp_path) as store:
        one = Home(store, build)
        yield one
        one.recorder.close()


def shown(home: Home) -> dict[str, tuple[float | None, str | None, float]]:
    found = latest(home.store.home)
    return {key[1]: (one.value, one.text, (one.ts_us - T0) / SECOND) for key, one in found.items()}


def test_the_newest_counts_by_source_time_across_files_and_journal(home: Home) -> None:
    home.take(read(1, 1.0), read(5, 5.0), read(2, None, "state", "idle"))
    assert shown(home) == {"flow": (5.0, None, 5), "state": (None, "idle", 2)}
    assert home.seal() == 3
    assert shown(home) == {"flow": (5.0, None, 5), "state": (None, "idle", 2)}
    home.take(read(3, 3.0), read(1, 0.5, "level"))
    assert shown(home) == {"flow": (5.0, None, 5), "state": (None, "idle", 2), "level": (0.5, None, 1)}
    home.seal()
    home.take(read(6, 6.0))
    assert shown(home)["flow"] == (6.0, None, 6)
    assert position(home.store.home) == 3


def test_what_retention_removes_is_still_the_newest(home: Home) -> None:
    home.take(read(1, 1.0), read(2, float("nan"), "level"))
    home.seal()
    with home.store.writing() as connection:
        assert retain(connection, home.store.home, days=1, most_bytes=0, age_us=0) == 2
    assert shown(home) == {"flow": (1.0, None, 1), "level": (None, "NaN", 2)}


def test_files_of_before_the_table_are_read_once(home: Home) -> None:
    home.take(read(1, 1.0))
    home.seal()
    home.take(read(2, 2.0))
    home.seal()
    with home.store.writing() as connection:
        connection.execute("delete from latest")
        note_latest(connection, home.store.home)
    assert shown(home) == {"flow": (2.0, None, 2)}


def test_a_snapshot_has_every_signal_of_the_site_or_says_that_it_was_never_read(home: Home) -> None:
    home.take(read(1, 1.0), read(1, float("inf"), "level"))
    found = snapshot(home.site, home.store.home)
    assert found.silent == [("p1", "state")]
    rows = [as_row(one, "bar", T0 + 3 * SECOND) for one in found.samples]
    assert rows[0] == {
        "equipment": "p1",
        "signal": "flow",
        "ts": "2024-01-01T00:00:01+00:00",
        "value": 1.0,
        "text": None,
        "unit": "bar",
        "quality": "0x00000000",
        "good": True,
        "age_s": 2.0,
    }
    assert (rows[1]["value"], rows[1]["text"]) == (None, "inf")
    assert snapshot(home.site, home.store.home, "p9").samples == []


def test_windows_hold_what_a_contract_would_compute(home: Home) -> None:
    home.take(
        *(read(n, float(n)) for n in range(4)), read(3.5, float("nan")), read(4, 9.0)._replace(quality=0x80000000)
    )
    home.seal()
    home.take(read(10, 10.0))
    span = (moment(T0), moment(T0 + 60 * SECOND))
    found = historian.windows(home.store.home, ("p1", "flow"), span, 2 * SECOND, 10).to_pylist()
    told = [(row["start"].second, row["mean"], row["min"], row["max"], row["last"], row["count"]) for row in found]
    assert told == [(0, 0.5, 0.0, 1.0, 1.0, 2), (2, 2.5, 2.0, 3.0, 3.0, 2), (10, 10.0, 10.0, 10.0, 10.0, 1)]
    newest = historian.newest(home.store.home, ("p1", "flow"), span, 2)["value"].to_pylist()
    assert newest == [9.0, 10.0]
    thinned = historian.sampled(home.store.home, ("p1", "flow"), span, 2 * SECOND, 10)["value"].to_pylist()
    assert thinned == [0.0, 2.0, 9.0, 10.0]
    late = (moment(T0 + SECOND), span[1])
    thinned = historian.sampled(home.store.home, ("p1", "flow"), late, 2 * SECOND, 10)["value"].to_pylist()
    assert thinned == [2.0, 9.0, 10.0], "the first reading of an interval is before, the second does not leave"


def held(home: Home, since: float, until: float, every: int = 10) -> list[tuple[float, float | None]]:
    stretch = (moment(T0 + int(since * SECOND)), moment(T0 + int(until * SECOND)))
    found = historian.windows(home.store.home, ("p1", "flow"), stretch, every * SECOND, 100).to_pylist()
    return [((row["start"] - moment(T0)).total_seconds(), row["time_weighted_mean"]) for row in found]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(0, 1.0), (8, 6.0), (15, 0.0)], 2.0),  # an uneven pace does not weigh
        ([(-30, 4.0), (5, 2.0), (15, 0.0)], 3.0),  # what stood before holds into the window
        ([(0, 1.0), (4, None), (8, 3.0), (15, 0.0)], 10 / 6),  # nobody knows what held
        ([(0, 1.0), (8, 6.0), (4, 2.0), (15, 0.0)], 2.4),  # in the order of source time
        ([(0, 1.0), (5, 9.0), (5, 3.0), (15, 0.0)], 2.0),  # of two at one time the later to come
        ([(-8_000, 4.0), (5, None), (15, 0.0)], 4.0),  # held since long ago, then not known
    ],
)
@pytest.mark.parametrize("sealed", [False, True])
def test_the_time_weighted_mean_is_a_contracts(home: Home, readings, expected: float, sealed: bool) -> None:
    for second, value in readings:
        home.take(read(second, value)._replace(quality=0x80000000 if value is None else 0))
        if sealed:
            home.seal()
    assert held(home, 0, 10) == [(0, expected)]
    assert held(home, 3, 4) == [(0, expected)], "a window that is asked for in part counts as a whole"


def test_what_holds_is_known_at_both_ends_of_a_stretch_and_through_windows_nobody_read_in(home: Home) -> None:
    home.take(read(5, 4.0), read(35, 6.0), read(55, 0.0))
    assert held(home, 0, 60) == [(0, 4.0), (30, 5.0), (50, 6.0)]
    assert held(home, 30, 40) == [(30, 5.0)]
    assert held(home, 50, 60) == [(50, 6.0)], "the newest reading holds no time yet"
    assert held(home, 100, 200) == []
