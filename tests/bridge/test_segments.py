"""Sealing and retention: a reading is in the journal or in one file, and nobody asks again for what was removed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge import segments
from bridge.books import read_books
from bridge.driver import Scan
from bridge.historian import query
from bridge.recorder import Recorder
from bridge.store import Store, StoreError, set_meta
from core.contracts.reading import Sample

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP_US = 60_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def writer(store: Store) -> Iterator[sqlite3.Connection]:
    with store.writing() as connection:
        yield connection


@pytest.fixture
def site(build):
    return build("- name: flow").site


def record(store: Store, site, first: int, last: int) -> int:
    """Journal one reading a minute of both signals, a frame each; how many were new."""
    recorder = Recorder(store, site, clocked=True)
    try:
        return sum(
            recorder.record([Scan([Sample("p1", name, n * STEP_US, float(n), None, 0) for name in ("flow", "level")])])
            for n in range(first, last)
        )
    finally:
        recorder.close()


def pass_all(writer: sqlite3.Connection) -> None:
    """As if the contract had seen every frame."""
    (last,) = writer.execute("select max(id) from frames").fetchone()
    set_meta(writer, "checkpoint", last)


def values(home: Path, signal: str = "flow") -> list[float]:
    found = query(home, "p1", signal, EPOCH, EPOCH + timedelta(days=2))
    return found.column("value").to_pylist()


def files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / segments.FOLDER).glob("*"))


def test_what_the_contract_has_not_seen_stays_in_the_journal(store: Store, writer, site) -> None:
    record(store, site, 0, 10)
    assert segments.seal(writer, store.home, rows=1, age_s=0) == 0
    set_meta(writer, "checkpoint", 4)
    assert segments.seal(writer, store.home, rows=8, age_s=3600) == 8
    assert segments.seal(writer, store.home, rows=8, age_s=3600) == 0
    assert [row for (row,) in writer.execute("select id from frames")] == [5, 6, 7, 8, 9, 10]
    assert values(store.home) == [float(n) for n in range(10)]


def test_few_readings_are_sealed_when_they_are_old(store: Store, writer, site) -> None:
    record(store, site, 0, 3)
    pass_all(writer)
    assert segments.seal(writer, store.home, rows=1000, age_s=3600) == 0
    writer.execute("update frames set received_at = ?", (time.time_ns() // 1000 - 3601_000_000,))
    assert segments.seal(writer, store.home, rows=1000, age_s=3600) == 6
    books = read_books(store.home)
    assert (books.journal_rows, books.journal_frames, books.engine_lag) == (6, 0, 0)
    assert books.historian_bytes == sum(path.stat().st_size for path in (store.home / segments.FOLDER).iterdir())


def test_sealed_readings_are_known_when_they_are_read_again(store: Store, writer, site) -> None:
    record(store, site, 0, 20)
    pass_all(writer)
    segments.seal(writer, store.home, rows=20, age_s=3600)
    assert record(store, site, 0, 25) == 10
    assert values(store.home, "level") == [float(n) for n in range(25)]


def test_old_readings_are_found_in_files(store: Store, writer, site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.identity.REMEMBERED", 8)
    record(store, site, 0, 40)
    pass_all(writer)
    while segments.seal(writer, store.home, rows=20, age_s=0):
        pass
    assert record(store, site, 0, 41) == 2
    recorder = Recorder(store, site, clocked=True)
    assert recorder.record([Scan([Sample("p1", "flow", 3 * STEP_US, 99.0, None, 0)])]) == 1
    recorder.close()
    assert sorted(values(store.home))[-1] == 99.0


def test_a_crash_on_the_way_into_a_file_loses_and_doubles_nothing(
    store: Store, writer, site, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, site, 0, 10)
    pass_all(writer)
    writer.execute("create trigger full before insert on segments begin select raise(abort, 'disk is full'); end")
    with pytest.raises(StoreError, match="disk is full"):
        segments.seal(writer, store.home, rows=20, age_s=3600)
    writer.execute("drop trigger full")
    assert len(files(store.home)) == 1
    segments.tidy(writer, store.home)
    assert files(store.home) == []
    assert values(store.home) == [float(n) for n in range(10)]
    assert segments.seal(writer, store.home, rows=20, age_s=3600) == 20
    segments.tidy(writer, store.home)
    assert values(store.home) == [float(n) for n in range(10)]


def test_the_oldest_files_go_first_by_bytes_and_by_days(store: Store, writer, site) -> None:
    record(store, site, 0, 30)
    pass_all(writer)
    for _ in range(3):
        segments.seal(writer, store.home, rows=20, age_s=3600)
    size = (store.home / segments.FOLDER / files(store.home)[-1]).stat().st_size
    day = 86_400_000_000
    assert segments.retain(writer, store.home, days=1, most_bytes=2 * size + size // 2, age_us=day) == 20
    assert values(store.home) == [float(n) for n in range(10, 30)]
    assert len(files(store.home)) == 2
    writer.execute("update segment_ages set seen_us = seen_us - ? where segment = 2", (day // 2,))
    assert segments.retain(writer, store.home, days=1, most_bytes=1 << 30, age_us=day + day // 2) == 0
    assert segments.retain(writer, store.home, days=1, most_bytes=1 << 30, age_us=day + day // 2 + 1) == 20
    assert values(store.home) == [float(n) for n in range(20, 30)]
    assert writer.execute("select segment from segment_ages").fetchall() == [(3,)]


def test_what_was_removed_is_not_asked_for_again(store: Store, writer, site) -> None:
    record(store, site, 0, 10)
    pass_all(writer)
    segments.seal(writer, store.home, rows=20, age_s=3600)
    assert segments.retain(writer, store.home, days=1, most_bytes=0, age_us=0) == 20
    recorder = Recorder(store, site, clocked=True)
    assert recorder.newest() == {("p1", "flow"): 9 * STEP_US, ("p1", "level"): 9 * STEP_US}
    recorder.close()
