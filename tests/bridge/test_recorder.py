"""Scans become durable frames: re-reads dropped, conflicts kept, gaps noted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from bridge.block import Block, Legend
from bridge.books import read_books
from bridge.driver import Repeat, Scan
from bridge.gaps import Gap
from bridge.journal import frames_after
from bridge.recorder import Recorder
from bridge.store import Store, StoreError
from core.contracts.reading import Sample


def scan(*pairs: tuple[int, float], unfilled: frozenset[str] = frozenset()) -> Scan:
    return Scan([Sample("p1", "flow", ts, value, None, 0) for ts, value in pairs], unfilled=unfilled)


@pytest.fixture
def site(build):
    return build("- name: flow").site


def test_a_replay_from_row_one_is_dropped_after_a_restart(tmp_path: Path, site) -> None:
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, site, clocked=True)
        assert recorder.record([scan((10, 1.0), (20, 2.0)), scan((20, 2.0), (30, 3.0), (30, 4.0))]) == 4
        recorder.close()
        again = Recorder(store, site, clocked=True)
        assert again.newest() == {("p1", "flow"): 30}
        assert again.record([scan((10, 1.0), (20, 2.0), (30, 3.0), (30, 4.0), (40, 5.0))]) == 1
        again.close()
        with store.writing() as connection:
            frames = frames_after(connection, 0, 1000)
    assert [row["value"] for frame in frames for row in frame.batch.to_pylist()] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [frame.notes for frame in frames] == [{("p1", "flow", 0): [1, 1]}, {("p1", "flow", 0): [4, 0]}]


def test_a_standing_clock_counts_every_signal_of_the_machine(tmp_path: Path, site) -> None:
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, site, clocked=True)
        recorder.record([Scan([], [Repeat("p1", 5), Repeat("p1", 5)])])
        recorder.close()
        with store.writing() as connection:
            (frame,) = frames_after(connection, 0, 1000)
    assert frame.batch.num_rows == 0
    assert frame.notes == {("p1", "flow", 0): [2, 0], ("p1", "level", 0): [2, 0]}


def test_what_the_bridge_slept_through_is_a_gap(tmp_path: Path, site) -> None:
    with Store.open(tmp_path) as store:
        first = Recorder(store, site, clocked=True)
        first.record([scan((10, 1.0), (20, 2.0), (30, 3.0))])
        first.close()
        second = Recorder(store, site, clocked=True)
        second.record([scan((70, 7.0), (80, 8.0)), scan((110, 9.0))])
        second.close()
    assert read_books(tmp_path).gaps == (Gap("p1", 30, 70, "bridge_down"), Gap("p1", 80, 110, "missed_scan"))


def test_a_server_without_history_leaves_a_gap_whatever_its_clock(tmp_path: Path, site) -> None:
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, site, clocked=False)
        recorder.record([scan((10, 1.0), (500, 2.0), unfilled=frozenset({"p1"}))])
        recorder.record([scan((900, 3.0), (901, 3.0), unfilled=frozenset({"p1"}))])
        recorder.close()
    assert read_books(tmp_path).gaps == (Gap("p1", 500, 900, "device_lost"),)


def test_a_clock_that_ran_ahead_and_came_back_leaves_no_gap_where_something_was_read(tmp_path: Path, site) -> None:
    with Store.open(tmp_path) as store:
        first = Recorder(store, site, clocked=True)
        first.record([scan((10, 1.0), (20, 2.0), (30, 3.0), (90, 9.0), (40, 4.0))])
        first.close()
        second = Recorder(store, site, clocked=True)
        second.record([scan((50, 5.0)), scan((80, 8.0), (100, 9.5))])
        second.close()
    assert read_books(tmp_path).gaps == (Gap("p1", 50, 80, "missed_scan"),)


def test_a_refused_write_forgets_nothing(tmp_path: Path, site) -> None:
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, site, clocked=True)
        with store.writing() as connection:
            connection.execute("create trigger full before insert on frames begin select raise(abort, 'disk'); end")
        with pytest.raises(StoreError, match="disk"):
            recorder.record([scan((10, 1.0))])
        with store.writing() as connection:
            connection.execute("drop trigger full")
        assert recorder.record([scan((10, 1.0))]) == 1
        recorder.close()
    with sqlite3.connect(tmp_path / "bridge.sqlite") as connection:
        assert connection.execute("select sum(rows) from frames").fetchone() == (1,)


@pytest.mark.parametrize("clocked", [False, True])
def test_blocks_are_recorded_as_their_readings_one_by_one(tmp_path: Path, build, clocked: bool) -> None:
    site = build("- name: flow").site
    legend = Legend([("p1", "flow"), ("p1", "level")])
    moments = [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (0, 3), (1, 9), (0, 9), (0, 8), (1, 40), (0, 2), (0, 50)]
    blocks = [
        Block(legend, np.array([code]), np.array([ts]), np.array([float(ts % 4)]), np.array([ts != 9]),
              np.array([0], np.uint32))
        for code, ts in moments
    ]  # fmt: skip
    text = Sample("p1", "level", 45, None, "on", 0)
    told = []
    for folder, scans in {
        "blocks": [Scan([], blocks=blocks[:5]), Scan([text], blocks=blocks[5:], unfilled=frozenset({"p1"}))],
        "samples": [
            Scan([one for block in blocks[:5] for one in block.samples()]),
            Scan([text, *(one for block in blocks[5:] for one in block.samples())], unfilled=frozenset({"p1"})),
        ],
    }.items():
        with Store.open(tmp_path / folder) as store:
            recorder = Recorder(store, site, clocked=clocked)
            written = [recorder.record([one]) for one in scans]
            newest = recorder.newest()
            recorder.close()
            with store.writing() as connection:
                frames = frames_after(connection, 0, 1000)
        rows = [row for frame in frames for row in frame.batch.to_pylist()]
        told.append((written, newest, rows, [frame.notes for frame in frames], read_books(tmp_path / folder).gaps))
    assert told[0] == told[1]
    assert told[0][0] == [5, 6]
