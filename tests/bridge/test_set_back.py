"""A machine that comes back with its clock set back: the time nobody read it, by the bridge's clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.books import read_books
from bridge.driver import Scan
from bridge.gaps import Gap
from bridge.journal import gap_news
from bridge.recorder import Recorder
from bridge.segments import last_came, seal
from bridge.store import Store, StoreError, set_meta
from core import clock
from core.contracts.quality import BAD_NO_COMMUNICATION, GOOD
from core.contracts.reading import CLOCK_SET_BACK, GapNews, Sample
from core.contracts.recording import Recording
from core.contracts.site import SiteFile

HOUR_US = 3_600_000_000


@pytest.fixture
def site(build) -> SiteFile:
    return build("- name: flow", machines=("p1", "p2")).site


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as one:
        yield one


def scan(*times: int, value: float = 1.0, machine: str = "p1", back: tuple[str, ...] = ()) -> Scan:
    samples = [Sample(machine, "flow", ts, value, None, GOOD) for ts in times]
    return Scan(samples, unfilled=frozenset(back))


def lasting(store: Store, site: SiteFile, *scans: Scan) -> int:
    """A process of its own; how many readings it appended."""
    recorder = Recorder(store, site, clocked=True)
    try:
        return recorder.record(list(scans))
    finally:
        recorder.close()


def aged(store: Store, by_us: int) -> int:
    """All frames came so much earlier; when the last one did."""
    with store.writing() as connection:
        connection.execute("update frames set received_at = received_at - ?", (by_us,))
        return connection.execute("select max(received_at) from frames").fetchone()[0]


def told(store: Store) -> list[GapNews]:
    with store.writing() as connection:
        return gap_news(connection, 100)[0]


def test_after_a_restart_it_begins_when_the_machine_was_last_read(store: Store, site: SiteFile) -> None:
    lasting(store, site, scan(100, 110, 120))
    last = aged(store, HOUR_US)
    lasting(store, site, scan(100, machine="p2"))  # another machine has been read since
    before = clock.now_us()
    lasting(store, site, scan(60, 70, back=("p1", "p2")), scan(110, machine="p2"))
    (news,) = [one for one in told(store) if one.reason == CLOCK_SET_BACK]
    assert (news.equipment_id, news.from_us, news.state) == ("p1", last, "found")
    assert before <= news.to_us <= clock.now_us()
    assert [one for one in read_books(store.home).gaps if one.reason == CLOCK_SET_BACK] == []


def test_readings_known_already_tell_it_too(store: Store, site: SiteFile) -> None:
    lasting(store, site, scan(100, 110, 120))
    aged(store, HOUR_US)
    assert lasting(store, site, scan(100, back=("p1",))) == 0
    assert [one.reason for one in told(store)] == [CLOCK_SET_BACK]


def test_a_clock_that_went_on_or_stood_still_is_none(store: Store, site: SiteFile) -> None:
    lasting(store, site, scan(100, 110, 120))
    lasting(store, site, scan(120, back=("p1",)))
    lasting(store, site, scan(150, back=("p1",)))
    assert read_books(store.home).gaps == (Gap("p1", 120, 150, "bridge_down"),)
    assert [one.reason for one in told(store)] == ["bridge_down"]


def test_a_clock_set_back_while_it_is_read_is_none(store: Store, site: SiteFile) -> None:
    lasting(store, site, scan(100, 110, 120, back=("p1",)), scan(60, 70))
    assert told(store) == []


def test_a_recording_that_begins_again_is_no_clock_set_back(store: Store, site: SiteFile) -> None:
    """Its times are those of its rows: served again, from row one or where a machine would be, it shows no new ones."""
    replayed = site.model_copy(
        update={
            "recording": Recording.model_validate({"path": "rows.csv", "timestamp": {"column": "at", "format": "%s"}})
        }
    )
    lasting(store, replayed, scan(100, 110, 120))
    aged(store, HOUR_US)
    lasting(store, replayed, scan(100, 110, back=("p1",)))
    lasting(store, replayed, scan(90, 105, back=("p1",)))
    assert told(store) == []


def test_times_of_two_outages_do_not_overlap_and_known_gaps_stay(store: Store, site: SiteFile) -> None:
    recorder = Recorder(store, site, clocked=True)
    recorder.record([scan(100, 110, 120, 200)])
    recorder.record([scan(20, back=("p1",))])
    recorder.record([scan(30)])
    recorder.record([scan(10, back=("p1",))])
    recorder.close()
    first, second = [one for one in told(store) if one.reason == CLOCK_SET_BACK]
    assert first.from_us < first.to_us <= second.from_us < second.to_us
    assert read_books(store.home).gaps == (Gap("p1", 120, 200, "missed_scan"),)


def test_an_answer_that_is_none_does_not_end_it(store: Store, site: SiteFile) -> None:
    lasting(store, site, scan(100, 110, 120))
    last = aged(store, HOUR_US)
    refused = Scan([Sample("p1", "flow", 500, None, None, BAD_NO_COMMUNICATION)], unfilled=frozenset({"p1"}))
    lasting(store, site, refused, scan(60))
    (news,) = [one for one in told(store) if one.reason == CLOCK_SET_BACK]
    assert news.from_us == last


def test_what_the_disk_refuses_is_told_with_the_next_attempt(store: Store, site: SiteFile) -> None:
    lasting(store, site, scan(100, 110, 120))
    aged(store, HOUR_US)
    recorder = Recorder(store, site, clocked=True)
    recorder.record([scan(90, machine="p2", back=("p1", "p2"))])
    with store.writing() as connection:
        connection.execute("create trigger full before insert on gap_news begin select raise(abort, 'disk'); end")
        with pytest.raises(StoreError, match="disk"):
            recorder.record([scan(60)])
        connection.execute("drop trigger full")
    recorder.record([scan(60)])
    recorder.close()
    assert [one.reason for one in told(store)] == [CLOCK_SET_BACK]


def test_sealed_readings_came_since_the_file_before(store: Store, site: SiteFile) -> None:
    def sealed(one: Scan) -> int:
        lasting(store, site, one)
        came = aged(store, HOUR_US)
        with store.writing() as connection:
            top = connection.execute("select max(id) from frames").fetchone()[0]
            set_meta(connection, "checkpoint", top)
            assert seal(connection, store.home, rows=1, age_s=0) > 0
        return came

    first = sealed(scan(100, machine="p2"))
    sealed(scan(100, 110, 120))
    sealed(scan(110, machine="p2"))
    with store.writing() as connection:
        assert last_came(connection, store.home, "p1", ["flow"]) == first
        assert last_came(connection, store.home, "p1", ["level"]) is None
    lasting(store, site, scan(60, back=("p1",)))
    assert [one.from_us for one in told(store) if one.reason == CLOCK_SET_BACK] == [first]
