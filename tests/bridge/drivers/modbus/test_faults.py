"""What breaks stays where it broke: one register, one unit, one connection."""

from __future__ import annotations

import asyncio
import re
import signal
from dataclasses import replace

import pytest
from pymodbus.constants import ExcCodes

from bridge.driver import DeviceLostError, Scan
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.profiles import STANDARD
from core.contracts.quality import (
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    BAD_NOT_SUPPORTED,
    BAD_OUT_OF_RANGE,
    BAD_TIMEOUT,
    GOOD,
    UNCERTAIN,
)
from core.contracts.site import SiteFile

PATIENT = replace(STANDARD, request_timeout_s=20.0, slow_answer_s=10.0, rejoin_after_s=3.0)
"""For what answers: a machine that is busy for a moment must not look like a unit that is slow or silent."""
IMPATIENT = replace(PATIENT, request_timeout_s=1.5, first_rest_s=1.5)
"""For what keeps silent."""


def driver_of(form: SiteFile, profile=PATIENT) -> ModbusDriver:
    driver = ModbusDriver.of_site(form)
    return ModbusDriver(driver.endpoint, driver.polls, profile)


def seen(scan: Scan) -> dict[str, tuple[float | None, int]]:
    return {one.signal: (one.value, one.quality) for one in scan.samples}


async def round_of(driver: ModbusDriver) -> dict[str, tuple[float | None, int]]:
    """One whole round; a later sample of a signal takes the place of an earlier one."""
    found: dict[str, tuple[float | None, int]] = {}
    while True:
        scan = await driver.read()
        found |= seen(scan)
        if scan.complete:
            return found


async def test_one_bad_register_names_itself_and_its_neighbours_stay_good(bus, build, make_site, capsys) -> None:
    port = build.free_port()
    await bus.serve(port)
    form = make_site(f"modbus://127.0.0.1:{port}", *[f"1/holding/{at}/uint16" for at in range(10, 40)])
    bus.refuse[1, 23] = ExcCodes.ILLEGAL_ADDRESS
    async with driver_of(form) as driver:
        await driver.connect({}, 0)
        first = await round_of(driver)
        assert first.pop("s13") == (None, BAD_OUT_OF_RANGE)
        assert first == {f"s{n}": (float(10 + n), GOOD) for n in range(30) if n != 13}
        said = [line for line in "".join(capsys.readouterr()).splitlines() if "refuses a read" in line]
        assert len(said) == 1
        assert "1/holding/23/uint16" in said[0]
        assert "illegal data address" in said[0]
        bus.asked.clear()
        second = await round_of(driver)
        assert "s13" not in second
        assert len(second) == 29
        assert len(bus.asked) < 12
        bus.refuse.clear()
        assert (await round_of(driver))["s13"] == (23.0, GOOD)
        async with asyncio.timeout(60):
            while bus.asked != [(1, "holding", 10, 30)]:
                await asyncio.sleep(0.05)
                bus.asked.clear()
                again = await round_of(driver)
        assert again == first | {"s13": (23.0, GOOD)}


@pytest.mark.parametrize(
    ("code", "quality"),
    [(ExcCodes.ILLEGAL_FUNCTION, BAD_NOT_SUPPORTED), (ExcCodes.DEVICE_FAILURE, BAD_DEVICE_FAILURE)],
)
async def test_an_exception_is_the_quality_of_every_value_it_took(bus, build, make_site, code, quality) -> None:
    port = build.free_port()
    await bus.serve(port)
    form = make_site(f"modbus://127.0.0.1:{port}", "1/holding/1/uint16", "1/holding/2/uint16", "1/input/1/uint16")
    bus.refuse = {(1, 1): code, (1, 2): code}
    async with driver_of(form) as driver:
        await driver.connect({}, 0)
        assert await round_of(driver) == {"s0": (None, quality), "s1": (None, quality), "s2": (None, quality)}
        assert await round_of(driver) == {}
        bus.refuse.clear()
        assert await round_of(driver) == {"s0": (1.0, GOOD), "s1": (2.0, GOOD), "s2": (1.0, GOOD)}


async def test_a_silent_unit_is_put_aside_and_the_others_go_on(bus, build, make_site, capsys) -> None:
    port = build.free_port()
    bus.units, bus.slow[9] = (1, 2, 9), 60.0
    await bus.serve(port)
    form = make_site(
        f"modbus://127.0.0.1:{port}",
        "1/holding/1/uint16",
        "2/holding/2/uint16",
        "9/holding/3/uint16",
        "9/input/4/int16",
    )
    async with driver_of(form, IMPATIENT) as driver:
        await driver.connect({}, 0)
        found = await round_of(driver)
        assert found == {"s0": (1.0, GOOD), "s1": (2.0, GOOD), "s2": (None, BAD_TIMEOUT)}
        async with asyncio.timeout(60):
            while "s3" not in found:  # which comes with the unit's own round
                found |= await round_of(driver)
                await asyncio.sleep(0.02)
        assert found["s3"] == (None, BAD_TIMEOUT)
        bus.asked.clear()
        rounds = 0
        async with asyncio.timeout(60):
            while sum(unit == 9 for unit, *_ in bus.asked) < 2:
                assert await round_of(driver) == {"s0": (1.0, GOOD), "s1": (2.0, GOOD)}
                rounds += 1
                await asyncio.sleep(0.02)
        assert rounds > 4
    (said,) = [line for line in "".join(capsys.readouterr()).splitlines() if "unit does not answer" in line]
    assert re.search(r"unit\"?[=:] ?9", said)


async def test_a_slow_unit_gets_its_share_of_the_line_and_stays_good(bus, build, make_site) -> None:
    port = build.free_port()
    await bus.serve(port)
    form = make_site(f"modbus://127.0.0.1:{port}", "1/holding/1/uint16", "2/holding/2/uint16")
    bus.slow[2] = 0.5
    async with driver_of(form, replace(PATIENT, slow_answer_s=0.3)) as driver:
        await driver.connect({}, 0)
        found: list[dict[str, tuple[float | None, int]]] = [await round_of(driver) for _ in range(20)]
    told = [(signal, *one[signal]) for one in found for signal in one]
    assert set(told) == {("s0", 1.0, GOOD), ("s1", 2.0, GOOD)}
    assert told.count(("s1", 2.0, GOOD)) <= 5 < 15 <= told.count(("s0", 1.0, GOOD))


async def test_the_time_of_a_clock_that_is_refused_is_estimated_and_uncertain(bus, build, make_site, as_words) -> None:
    port = build.free_port()
    await bus.serve(port)
    shown = 1_700_000_000_000_000
    form = make_site(
        f"modbus://127.0.0.1:{port}",
        "1/holding/100/uint16",
        clock={"address": "1/holding/0/int64"},
        modbus={"max_registers": 50},
    )
    bus.show = lambda unit, start, current: (
        current.__setitem__(slice(0, 4), as_words(">q", shown)) if not start else None
    )
    async with driver_of(form, replace(PATIENT, max_registers=50)) as driver:
        await driver.connect({}, 0)
        (good,) = (await driver.read()).samples
        assert (good.ts_us, good.quality) == (shown, GOOD)
        bus.refuse[1, 0] = ExcCodes.ILLEGAL_ADDRESS
        (doubtful,) = (await driver.read()).samples
        assert (doubtful.value, doubtful.quality) == (100.0, UNCERTAIN)
        assert shown < doubtful.ts_us < shown + 60_000_000


async def test_a_device_that_is_killed_is_bad_once_and_comes_back(process, make_site) -> None:
    process.start()
    form = make_site(f"modbus://127.0.0.1:{process.port}", "1/holding/7/uint16")
    async with driver_of(form) as driver:
        await driver.connect({}, 0)
        assert await round_of(driver) == {"s0": (7.0, GOOD)}
        process.kill()
        assert seen(await driver.read()) == {"s0": (None, BAD_NO_COMMUNICATION)}
        with pytest.raises(DeviceLostError):
            await driver.read()
        with pytest.raises(DeviceLostError):
            await driver.connect({}, 0)
        process.start()
        await driver.connect({}, 0)
        assert await round_of(driver) == {"s0": (7.0, GOOD)}


async def test_a_device_that_freezes_is_lost_and_comes_back(process, make_site) -> None:
    process.start()
    form = make_site(f"modbus://127.0.0.1:{process.port}", "1/holding/7/uint16")
    async with driver_of(form, IMPATIENT) as driver:
        await driver.connect({}, 0)
        await round_of(driver)
        process.send(signal.SIGSTOP)
        assert seen(await driver.read()) == {"s0": (None, BAD_NO_COMMUNICATION)}
        with pytest.raises(DeviceLostError, match="no answer in time"):
            await driver.read()
        process.send(signal.SIGCONT)
        await driver.connect({}, 0)
        assert await round_of(driver) == {"s0": (7.0, GOOD)}
