"""What passed while nobody was connected: read from history, whatever the source's clock did meanwhile."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace

import pytest

from bridge.driver import DeviceLostError
from bridge.drivers.opcua.driver import OpcuaDriver
from bridge.drivers.opcua.history import starts
from bridge.drivers.opcua.plan import plan_site
from bridge.drivers.opcua.profiles import STANDARD
from bridge.vault import NoSecrets

T0 = 1_704_067_200_000_000
FLOW = ("p1", "flow")
QUICK = replace(STANDARD, probe_interval_s=0.5)
IMPATIENT = replace(QUICK, request_timeout_s=3.0)
"""For a server that freezes; one that is only busy answers within the standard's twenty seconds."""


def at(second: float) -> int:
    return T0 + int(second * 1_000_000)


def driver_of(form, profile=QUICK) -> OpcuaDriver:
    return OpcuaDriver(replace(plan_site(form, NoSecrets()), profile=profile))


@pytest.mark.parametrize(
    ("newest", "shown", "overlap", "begin"),
    [
        ({FLOW: 100}, {FLOW: 120}, 0, {FLOW: 100}),
        ({FLOW: 100}, {FLOW: 120}, 30, {FLOW: 70}),
        ({FLOW: 100}, {FLOW: 40}, 30, {FLOW: 10}),
        ({FLOW: 100}, {FLOW: 100}, 0, {FLOW: 100}),
        ({FLOW: 100}, {}, 30, {FLOW: 70}),
        ({FLOW: 10}, {FLOW: 20}, 30, {FLOW: 0}),
        ({}, {FLOW: 20}, 30, {}),
    ],
)
def test_history_is_read_from_as_long_before_the_newest_as_the_outage_lasted(newest, shown, overlap, begin) -> None:
    assert starts([FLOW], newest, shown, overlap) == begin


async def test_rows_behind_a_clock_that_jumped_back_during_the_outage_are_read(plant, make_site, until) -> None:
    await plant.start(flow=0.0)
    await plant.keep_history("flow")
    form = make_site(plant.endpoint, {"flow": {}})
    for second in (100, 101, 102):
        await plant.put("flow", second, float(second))
    # During the outage of a minute the clock went back by almost as much, and by an hour in the last case.
    for second in (47.5, 48.5, 103):
        await plant.put("flow", second, float(second))
    await plant.remembers("flow", 103)

    async def seconds(away_s: float, last: float) -> set[float]:
        async with driver_of(form) as driver:
            await driver.connect({FLOW: at(102)}, away_s)
            samples = await until(driver, lambda found: any(one.ts_us == at(last) for one in found))
            return {(one.ts_us - T0) / 1e6 for one in samples}

    assert {47.5, 48.5, 100, 101, 102, 103} <= await seconds(60, 103)
    assert not {47.5, 48.5} & await seconds(0, 103)
    for second in (-3598, -3597):
        await plant.put("flow", second, float(second))
    await plant.remembers("flow", -3597)
    assert {-3598, -3597, 47.5, 102, 103} <= await seconds(2, 103)


async def test_a_server_that_is_killed_and_starts_again_is_watched_again_and_its_gap_filled(
    process, make_site, until
) -> None:
    process.start(3)
    form = make_site(f"opc.tcp://127.0.0.1:{process.port}", {"flow": {}})
    async with driver_of(form) as driver:
        await driver.connect({}, 0)
        await until(driver, lambda found: any(one.ts_us == at(3) for one in found))
        process.kill()
        with pytest.raises(DeviceLostError, match="lost"):
            await until(driver, lambda found: False)
        with pytest.raises(DeviceLostError, match="cannot be reached"):
            await driver.connect({FLOW: at(3)}, 1)
        process.start(9)
        await driver.connect({FLOW: at(3)}, 1)
        samples = await until(driver, lambda found: any(one.ts_us == at(9) for one in found))
        assert {at(second) for second in range(3, 10)} <= {one.ts_us for one in samples}


async def test_a_server_that_freezes_is_lost(process, make_site, until) -> None:
    process.start(1)
    async with driver_of(make_site(f"opc.tcp://127.0.0.1:{process.port}", {"flow": {}}), IMPATIENT) as driver:
        await driver.connect({}, 0)
        await until(driver, bool)
        process.send(signal.SIGSTOP)
        with pytest.raises(DeviceLostError):
            await until(driver, lambda found: False)
        async with asyncio.timeout(60):
            with pytest.raises(DeviceLostError):
                await driver.connect({}, 0)
        process.send(signal.SIGCONT)
        await driver.connect({}, 0)
        await until(driver, bool)
