"""Modbus RTU: a real serial server behind a pair of pseudo terminals, and RTU frames over TCP."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from pymodbus.framer import FramerType

from bridge.driver import DeviceLostError
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.link import Endpoint
from bridge.drivers.modbus.profiles import STANDARD
from core.contracts.quality import BAD_TIMEOUT, GOOD
from core.errors import InputError

ADDRESSES = ("1/holding/7/uint16", "1/input/9/int16", "1/coil/3", "1/discrete/4", "2/holding/20/uint32")
NO_PARITY = {"serial": {"parity": "none"}}
"""A pseudo terminal knows none."""
VALUES = {"s0": 7.0, "s1": 9.0, "s2": 1.0, "s3": 0.0, "s4": float((20 << 16) + 21)}


async def values(driver: ModbusDriver) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    while True:
        scan = await driver.read()
        found |= {one.signal: one.value for one in scan.samples}
        if scan.complete:
            return found


async def test_every_table_over_a_serial_line(bus, wire, make_site) -> None:
    await bus.serve_line(wire.ends[1])
    form = make_site(f"modbus-rtu://{wire.ends[0]}", *ADDRESSES, modbus=NO_PARITY)
    async with ModbusDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        assert await values(driver) == VALUES
        assert await values(driver) == VALUES


async def test_an_answer_that_comes_late_is_nobody_elses(bus, wire, make_site) -> None:
    await bus.serve_line(wire.ends[1])
    wire.late[2] = 1.2
    form = make_site(f"modbus-rtu://{wire.ends[0]}", "1/holding/7/uint16", "2/holding/20/uint16", modbus=NO_PARITY)
    built = ModbusDriver.of_site(form)
    profile = replace(STANDARD, request_timeout_s=1.0, slow_answer_s=10.0, first_rest_s=60.0, longest_rest_s=60.0)
    async with ModbusDriver(built.endpoint, built.polls, profile) as driver:
        await driver.connect({}, 0)
        seen = [(await driver.read()).samples]
        for _ in range(20):
            seen.append((await driver.read()).samples)
            await asyncio.sleep(0.02)
    found = [(one.signal, one.value, one.quality) for samples in seen for one in samples]
    assert set(found) <= {("s0", 7.0, GOOD), ("s1", None, BAD_TIMEOUT), ("s0", None, BAD_TIMEOUT)}
    assert found.count(("s1", None, BAD_TIMEOUT)) == 1
    assert found.count(("s0", 7.0, GOOD)) >= 18


async def test_rtu_frames_over_tcp(bus, build, make_site) -> None:
    port = build.free_port()
    await bus.serve(port, FramerType.RTU)
    async with ModbusDriver.of_site(make_site(f"modbus-rtu://127.0.0.1:{port}", *ADDRESSES)) as driver:
        await driver.connect({}, 0)
        assert await values(driver) == VALUES


async def test_a_line_that_is_not_there_is_lost(make_site, tmp_path) -> None:
    driver = ModbusDriver.of_site(make_site(f"modbus-rtu://{tmp_path}/none", "1/holding/0/int16"))
    with pytest.raises(DeviceLostError, match="cannot be reached"):
        await driver.connect({}, 0)


async def test_a_line_that_refuses_its_settings_is_lost(wire, make_site) -> None:
    driver = ModbusDriver.of_site(make_site(f"modbus-rtu://{wire.ends[0]}", "1/holding/0/int16"))
    with pytest.raises(DeviceLostError, match="Invalid argument"):
        await driver.connect({}, 0)


@pytest.mark.parametrize("device", [0, 248, 255])
def test_a_serial_line_has_247_units(make_site, device: int) -> None:
    with pytest.raises(InputError, match="no such unit") as refusal:
        ModbusDriver.of_site(make_site("modbus-rtu:///dev/line", f"{device}/holding/0/int16"))
    assert refusal.value.where == "loop, p1.s0"


def test_a_serial_line_is_described_only_where_there_is_one(make_site) -> None:
    with pytest.raises(InputError, match=r"modbus\.serial"):
        ModbusDriver.of_site(make_site("modbus://h:502", "1/holding/0/int16", modbus={"serial": {}}))


def test_the_settings_of_a_line_reach_the_line(make_site) -> None:
    said = {"baud_rate": 9_600, "parity": "odd", "stop_bits": 2, "data_bits": 7}
    form = make_site("modbus-rtu:///dev/line", "1/holding/0/int16", modbus={"serial": said})
    driver = ModbusDriver.of_site(form)
    line = driver.endpoint.line
    assert (line.baud_rate, line.parity, line.stop_bits, line.data_bits) == (9_600, "odd", 2, 7)


@pytest.mark.parametrize("text", ["modbus-rtu://", "modbus-rtu:///", "modbus-rtu://h", "modbus://h/x", "serial:///d"])
def test_an_endpoint_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="modbus-rtu:///dev/LINE"):
        Endpoint.of_text(text, None, "loop")
