"""Around any driver: connecting again, one line when a device goes and one when it returns, nothing lost between."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.books import read_books
from bridge.driver import DeviceLostError, Scan, Series
from bridge.recorder import Recorder
from bridge.runner import Runner
from bridge.store import Store
from core.contracts.reading import Sample


class Device:
    """A driver that breaks where it is told to, and counts how it is used."""

    clocked = True

    def __init__(self, *script: Scan | Exception) -> None:
        self.script = list(script)
        self.connected_from: list[dict[Series, int]] = []
        self.away_s: list[float] = []
        self.closed = 0
        self.idle = asyncio.Event()

    async def connect(self, newest: Mapping[Series, int], away_s: float) -> None:
        self.connected_from.append(dict(newest))
        self.away_s.append(away_s)

    async def read(self) -> Scan:
        if not self.script:
            self.idle.set()
            await asyncio.Event().wait()
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        raise AssertionError("nobody writes")

    async def close(self) -> None:
        self.closed += 1

    async def __aenter__(self) -> Device:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def scan(*times: int) -> Scan:
    return Scan([Sample("p1", "flow", ts, 1.0, None, 0) for ts in times], complete=True)


async def test_a_device_that_comes_and_goes(tmp_path: Path, build, capsys: pytest.CaptureFixture[str]) -> None:
    away = DeviceLostError("gone", where="modbus://h:1")
    device = Device(scan(1), scan(2), away, away, away, scan(2, 3), away, scan(4))
    stop, journaled = asyncio.Event(), asyncio.Event()
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, build("- name: flow").site, clocked=True)
        runner = Runner(
            device,
            recorder,
            journaled,
            journal_interval_s=0.05,
            poll_interval_s=0.0,
            longest_pause_s=0.02,
            store_max_bytes=1 << 40,
        )
        parts = [asyncio.create_task(runner.read(stop)), asyncio.create_task(runner.write(stop))]
        await asyncio.wait_for(device.idle.wait(), 60)
        assert runner.connected
        stop.set()
        await asyncio.gather(*parts)
        recorder.close()
    series = ("p1", "flow")
    assert device.connected_from == [{}, {series: 2}, {series: 2}, {series: 2}, {series: 3}]
    assert device.closed == 5
    assert device.away_s[0] == 0
    assert all(0 < away < 120 for away in device.away_s[1:])
    assert not runner.connected
    assert read_books(tmp_path).journal_rows == 4
    said = capsys.readouterr()
    told = (said.out + said.err).splitlines()
    assert [sum(word in line for line in told) for word in ("device is away", "device connected")] == [2, 3]


async def test_what_cannot_be_decoded_is_named_while_its_device_is_there(tmp_path: Path, build) -> None:
    left_out = tuple(("p1", f"s{n}") for n in range(7))
    told: list[str | None] = []
    for steps in ([replace(scan(1), left_out=left_out)], [replace(scan(1), left_out=left_out[:1]), scan(2)]):
        device, stop = Device(*steps), asyncio.Event()
        with Store.open(tmp_path / str(len(told))) as store:
            recorder = Recorder(store, build("- name: flow").site, clocked=True)
            runner = Runner(
                device, recorder, asyncio.Event(),
                journal_interval_s=0.05, poll_interval_s=0.0, longest_pause_s=0.02, store_max_bytes=1 << 40,
            )  # fmt: skip
            parts = [asyncio.create_task(runner.read(stop)), asyncio.create_task(runner.write(stop))]
            await asyncio.wait_for(device.idle.wait(), 60)
            assert runner.connected
            told.append(runner.error)
            stop.set()
            await asyncio.gather(*parts)
            recorder.close()
    assert told == ["cannot be decoded and is left out: p1.s0, p1.s1, p1.s2, p1.s3, p1.s4 and 2 more", None]


async def test_what_the_disk_refuses_is_kept(tmp_path: Path, build) -> None:
    device = Device(scan(1), scan(2), scan(3))
    stop = asyncio.Event()
    with Store.open(tmp_path) as store, store.writing() as connection:
        recorder = Recorder(store, build("- name: flow").site, clocked=False)
        device.clocked = False
        runner = Runner(
            device, recorder, asyncio.Event(),
            journal_interval_s=0.05, poll_interval_s=0.0, longest_pause_s=0.02, store_max_bytes=1 << 40,
        )  # fmt: skip
        reading = asyncio.create_task(runner.read(stop))
        await asyncio.wait_for(device.idle.wait(), 60)
        connection.execute("create trigger full before insert on frames begin select raise(abort, 'disk'); end")
        with pytest.raises(Exception, match="disk"):
            await runner.flush()
        connection.execute("drop trigger full")
        stop.set()
        await reading
        recorder.close()
    assert read_books(tmp_path).journal_rows == 3


async def test_a_full_disk_share_stops_the_reading_and_says_so(tmp_path: Path, build) -> None:
    dice = random.Random(1)
    steps = [
        Scan([Sample("p1", "flow", ts, dice.random(), None, 0) for ts in range(first, first + 2_000)], complete=True)
        for first in range(0, 40_000, 2_000)
    ]
    device = Device(*steps, scan(50_000, 50_001, 50_002))
    stop = asyncio.Event()
    with Store.open(tmp_path) as store, store.writing() as connection:
        recorder = Recorder(store, build("- name: flow").site, clocked=True)
        runner = Runner(
            device, recorder, asyncio.Event(), journal_interval_s=0.02, poll_interval_s=0.0, longest_pause_s=0.02,
            store_max_bytes=recorder.database_bytes() + 60_000,
        )  # fmt: skip
        parts = [asyncio.create_task(runner.read(stop)), asyncio.create_task(runner.write(stop))]
        await build.until(lambda: device.closed > 0)
        left = len(device.script)
        assert 0 < left < len(steps)
        await asyncio.sleep(0.2)
        assert len(device.script) == left
        assert not runner.connected
        device.script = device.script[-1:]
        connection.execute("update frames set payload = zeroblob(0)")
        await asyncio.wait_for(device.idle.wait(), 60)
        stop.set()
        await asyncio.gather(*parts)
        recorder.close()
    (gap,) = read_books(tmp_path).gaps
    assert (gap.reason, gap.to_us) == ("outbox_full", 50_000)


async def test_a_bridge_that_was_down_tells_the_driver_for_how_long(tmp_path: Path, build) -> None:
    site = build("- name: flow").site
    with Store.open(tmp_path) as store:
        before = Recorder(store, site, clocked=True)
        before.record([scan(1)])
        before.close()
        hour_ago = time.time_ns() // 1000 - 3_600_000_000
        with store.writing() as connection:
            connection.execute("update frames set received_at = ?", (hour_ago,))
        device, stop = Device(scan(2)), asyncio.Event()
        recorder = Recorder(store, site, clocked=True)
        runner = Runner(
            device,
            recorder,
            asyncio.Event(),
            journal_interval_s=0.05,
            poll_interval_s=0.0,
            longest_pause_s=0.02,
            store_max_bytes=1 << 40,
        )
        reading = asyncio.create_task(runner.read(stop))
        await asyncio.wait_for(device.idle.wait(), 60)
        stop.set()
        await reading
        recorder.close()
    assert 3600 <= device.away_s[0] < 3700


async def test_a_device_that_is_away_keeps_no_other_waiting(tmp_path: Path, build) -> None:
    machines = ("p1", "p2")
    away = Device(*[DeviceLostError("gone", where="modbus://h:1") for _ in range(500)])
    steps = [Scan([Sample("p2", "flow", ts, 1.0, None, 0)], complete=True) for ts in range(50)]
    there, stop = Device(*steps), asyncio.Event()
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, build("- name: flow", machines=machines).site, clocked=True)
        limits = {"journal_interval_s": 0.02, "poll_interval_s": 0.0, "store_max_bytes": 1 << 40}
        runners = [
            Runner(device, recorder, asyncio.Event(), longest_pause_s=0.02, **limits) for device in (away, there)
        ]
        parts = [asyncio.create_task(part(stop)) for runner in runners for part in (runner.read, runner.write)]
        await asyncio.wait_for(there.idle.wait(), 60)
        assert [runner.connected for runner in runners] == [False, True]
        stop.set()
        await asyncio.gather(*parts)
        recorder.close()
    assert read_books(tmp_path).journal_rows == 50
    assert away.closed > 1


def test_each_device_has_outages_of_its_own(tmp_path: Path, build) -> None:
    def heard(machine: str, ts: int) -> Scan:
        return Scan([Sample(machine, "flow", ts, 1.0, None, 0)])

    with Store.open(tmp_path) as store:
        recorder = Recorder(store, build("- name: flow", machines=("p1", "p2")).site, clocked=False)
        first = [Scan([], unfilled=frozenset({one})) for one in ("p1", "p2")]
        recorder.record([*first, heard("p1", 1), heard("p2", 1)])
        lost = [Scan([], unfilled=frozenset({one})) for one in ("p1", "p2")]
        recorder.record([*lost, heard("p1", 5), heard("p2", 7)])
        recorder.close()
    gaps = read_books(tmp_path).gaps
    assert [(one.equipment_id, one.from_us, one.to_us, one.reason) for one in gaps] == [
        ("p1", 1, 5, "device_lost"),
        ("p2", 1, 7, "device_lost"),
    ]
