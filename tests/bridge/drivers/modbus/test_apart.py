"""A slow unit delays no other where the device takes several connections, and has its share where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pymodbus.framer import FramerType

from bridge.driver import DeviceLostError
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.profiles import STANDARD, ModbusProfile
from core.contracts.quality import GOOD
from core.contracts.site import SiteFile

WAITING = replace(STANDARD, request_timeout_s=50.0, slow_answer_s=0.15, rejoin_after_s=3600.0)
"""One answer that is waited for costs more than a test may take."""
FIRST, SECOND = ("s0", 1.0, GOOD), ("s1", 2.0, GOOD)


@dataclass
class Door:
    """Stands before a server; what it does with a second connection is `second`."""

    port: int
    behind: int
    second: str = "take"
    opened: int = 0
    open: list[asyncio.StreamWriter] = field(default_factory=list)
    listening: Any = None

    async def listen(self) -> None:
        self.listening = await asyncio.start_server(self._come, "127.0.0.1", self.port)

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        if any(not one.is_closing() for one in self.open):
            if self.second == "refuse":
                writer.close()
                return
            if self.second == "replace":
                for one in self.open:
                    one.close()
        self.open.append(writer)
        there, back = await asyncio.open_connection("127.0.0.1", self.behind)
        with suppress(asyncio.CancelledError):  # the loop ends
            await asyncio.gather(_carry(reader, back), _carry(there, writer))

    async def close(self) -> None:
        self.listening.close()
        for one in self.open:
            one.close()
        await self.listening.wait_closed()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while said := await source.read(1024):
            target.write(said)
    target.close()


@pytest.fixture
async def door(bus, build) -> AsyncIterator[Door]:
    """A door before the units of the bus, which the test lets serve."""
    one = Door(build.free_port(), build.free_port())
    await one.listen()
    yield one
    await one.close()


def driver_of(form: SiteFile, profile: ModbusProfile = WAITING) -> ModbusDriver:
    driver = ModbusDriver.of_site(form)
    return ModbusDriver(driver.endpoint, driver.polls, profile)


def form_of(make_site, scheme: str, port: int) -> SiteFile:
    return make_site(f"{scheme}://127.0.0.1:{port}", "1/holding/1/uint16", "2/holding/2/uint16")


async def round_of(driver: ModbusDriver) -> list[tuple[str, float | None, int]]:
    found: list[tuple[str, float | None, int]] = []
    while True:
        scan = await driver.read()
        found += [(one.signal, one.value, one.quality) for one in scan.samples]
        if scan.complete:
            return found


async def rounds_until(driver: ModbusDriver, so: Any) -> list[tuple[str, float | None, int]]:
    """What came until a condition holds, which is asked between rounds."""
    found: list[tuple[str, float | None, int]] = []
    async with asyncio.timeout(60):
        while not so(found):
            found += await round_of(driver)
            await asyncio.sleep(0.01)
    return found


def asked(bus) -> int:
    return sum(unit == 2 for unit, *_ in bus.asked)


async def test_nobody_waits_for_a_unit_that_keeps_its_answer(bus, door, make_site) -> None:
    await bus.serve(door.behind)
    bus.slow[2] = 0.3
    async with driver_of(form_of(make_site, "modbus", door.port)) as driver:
        await driver.connect({}, 0)
        assert await round_of(driver) == [FIRST, SECOND]
        assert await rounds_until(driver, lambda found: SECOND in found), "it goes on apart"
        assert door.opened == 2
        bus.slow[2] = 3600.0
        before = asked(bus)
        await rounds_until(driver, lambda _: asked(bus) > before)
        bus.asked.clear()
        for _ in range(50):
            assert set(await round_of(driver)) == {FIRST}
        assert (await driver.sample("p1", "s0")).value == 1.0
        assert asked(bus) == 0, "one answer was waited for all the while"


async def test_units_that_answer_in_time_share_one_connection(bus, door, make_site) -> None:
    await bus.serve(door.behind)
    async with driver_of(form_of(make_site, "modbus", door.port)) as driver:
        await driver.connect({}, 0)
        for _ in range(10):
            assert await round_of(driver) == [FIRST, SECOND]
    assert door.opened == 1


async def test_a_line_behind_a_port_is_one_bus(bus, door, make_site) -> None:
    await bus.serve(door.behind, FramerType.RTU)
    bus.slow[2] = 0.3
    async with driver_of(form_of(make_site, "modbus-rtu", door.port)) as driver:
        await driver.connect({}, 0)
        found = await rounds_until(driver, lambda found: found.count(SECOND) >= 2)
    assert (set(found), door.opened) == ({FIRST, SECOND}, 1)
    assert found.count(FIRST) > found.count(SECOND)


async def test_a_site_file_may_say_that_there_is_one_connection(bus, door, make_site) -> None:
    await bus.serve(door.behind)
    bus.slow[2] = 0.7
    form = form_of(make_site, "modbus", door.port).model_copy(update={"modbus": None})
    form = SiteFile.model_validate(form.model_dump(exclude_none=True) | {"modbus": {"max_connections": 1}})
    async with ModbusDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        await rounds_until(driver, lambda found: found.count(SECOND) >= 2)
    assert door.opened == 1


async def test_a_device_that_refuses_a_second_connection_goes_on_over_the_first(bus, door, make_site, capsys) -> None:
    await bus.serve(door.behind)
    door.second, bus.slow[2] = "refuse", 0.3
    async with driver_of(form_of(make_site, "modbus", door.port)) as driver:
        await driver.connect({}, 0)
        found = await rounds_until(driver, lambda found: found.count(SECOND) >= 3)
        assert (set(found), door.opened) == ({FIRST, SECOND}, 2)
    assert "".join(capsys.readouterr()).count("device keeps no second connection") == 1


async def test_a_device_that_drops_the_first_connection_gets_no_second_again(bus, door, make_site, capsys) -> None:
    await bus.serve(door.behind)
    door.second, bus.slow[2] = "replace", 0.3
    # What was asked over a connection that is dropped is waited for to the end.
    async with driver_of(form_of(make_site, "modbus", door.port), replace(WAITING, request_timeout_s=4.0)) as driver:
        await driver.connect({}, 0)
        with pytest.raises(DeviceLostError):
            await rounds_until(driver, lambda _: False)
        await driver.connect({}, 0)
        opened = door.opened
        found = await rounds_until(driver, lambda found: found.count(SECOND) >= 3)
        assert set(found) == {FIRST, SECOND}
        assert door.opened == opened
    assert "".join(capsys.readouterr()).count("device takes one connection only") == 1
