"""The driver against a real Modbus server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from bridge.driver import DeviceLostError, Repeat
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.plan import plan_reads
from bridge.drivers.modbus.profiles import STANDARD
from core.contracts.quality import BAD_OUT_OF_RANGE, GOOD
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError


@dataclass
class Device:
    """A server with one register block, and a switch that makes it refuse."""

    port: int
    refuse: ExcCodes | None = None
    server: ModbusTcpServer | None = None

    async def start(self) -> None:
        async def action(code, start, address, count, current, values):
            return self.refuse

        block = SimData(0, count=64, values=0, datatype=DataType.REGISTERS)
        device = SimDevice(id=1, simdata=[block], action=action)
        self.server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await self.server.serve_forever(background=True)

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.shutdown()
            self.server = None

    async def put(self, clock: int, value: float) -> None:
        async with AsyncModbusTcpClient("127.0.0.1", port=self.port) as client:
            words = client.convert_to_registers(clock, client.DATATYPE.INT64)
            words += client.convert_to_registers(value, client.DATATYPE.FLOAT32)
            assert not (await client.write_registers(0, words, device_id=1)).isError()


@pytest.fixture
async def device(build) -> AsyncIterator[Device]:
    one = Device(build.free_port())
    await one.start()
    yield one
    await one.stop()


def site(port: int) -> SiteFile:
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "modbus",
            "endpoint": f"modbus://127.0.0.1:{port}",
            "clock": {"address": "1/holding/0/int64"},
            "equipment": [
                {"id": "p1", "type": "pump", "signals": [{"name": "flow", "address": "1/holding/4/float32"}]}
            ],
        }
    )


async def test_a_machine_is_read_at_its_own_clock_and_a_standing_one_costs_nothing(device: Device) -> None:
    await device.put(1_000_000, 1.5)
    async with ModbusDriver.of_site(site(device.port)) as driver:
        await driver.connect({})
        scan = await driver.read()
        assert [tuple(one) for one in scan.samples] == [("p1", "flow", 1_000_000, 1.5, None, GOOD)]
        assert scan.complete
        assert (await driver.read()).repeats == [Repeat("p1", 1_000_000)]
        await device.put(1_000_000, 2.5)
        changed = await driver.read()
        assert [one.value for one in changed.samples] == [2.5]


async def test_a_refusal_is_told_once_as_quality_and_then_over(device: Device) -> None:
    await device.put(1, 1.0)
    async with ModbusDriver.of_site(site(device.port)) as driver:
        await driver.connect({})
        device.refuse = ExcCodes.ILLEGAL_ADDRESS
        first, second = await driver.read(), await driver.read()
        assert [(one.signal, one.value, one.quality) for one in first.samples] == [("flow", None, BAD_OUT_OF_RANGE)]
        assert second.samples == []
        device.refuse = None
        assert [one.value for one in (await driver.read()).samples] == [1.0]


async def test_a_device_that_is_not_there_is_lost(build) -> None:
    driver = ModbusDriver.of_site(site(build.free_port()))
    with pytest.raises(DeviceLostError):
        await driver.connect({})


async def test_a_device_that_goes_away_is_lost(device: Device) -> None:
    await device.put(1, 1.0)
    impatient = replace(STANDARD, request_timeout_s=0.3)
    plan = plan_reads(site(device.port), STANDARD.max_registers)
    async with ModbusDriver("127.0.0.1", device.port, plan, impatient) as driver:
        await driver.connect({})
        await driver.read()
        await device.stop()
        with pytest.raises(DeviceLostError):
            await driver.read()


async def test_only_an_allowed_signal_is_written(device: Device) -> None:
    form = site(device.port)
    plan = plan_reads(form, STANDARD.max_registers)
    await device.put(1, 1.0)
    async with ModbusDriver.of_site(form) as driver:
        await driver.connect({})
        with pytest.raises(DeniedError):
            await driver.write("p1", "flow", 2.0)
    async with ModbusDriver("127.0.0.1", device.port, plan, writable=[("p1", "flow")]) as driver:
        await driver.connect({})
        await driver.write("p1", "flow", 2.0)
        assert [one.value for one in (await driver.read()).samples] == [2.0]


@pytest.mark.parametrize("endpoint", [None, "", "127.0.0.1:502", "opc.tcp://h:1", "modbus://", "modbus://h:x"])
def test_an_endpoint_of_another_form_is_refused(endpoint: str | None) -> None:
    with pytest.raises(InputError, match="modbus://HOST"):
        ModbusDriver.of_site(site(1).model_copy(update={"endpoint": endpoint}))
