"""The driver against a real Modbus server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from bridge.driver import DeviceLostError, DeviceRefusedError, Repeat
from bridge.drivers import drivers_for
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.profiles import STANDARD
from bridge.vault import NoSecrets
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
        await driver.connect({}, 0)
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
        await driver.connect({}, 0)
        device.refuse = ExcCodes.ILLEGAL_ADDRESS
        first, second = await driver.read(), await driver.read()
        assert [(one.signal, one.value, one.quality) for one in first.samples] == [("flow", None, BAD_OUT_OF_RANGE)]
        assert second.samples == []
        device.refuse = None
        assert [one.value for one in (await driver.read()).samples] == [1.0]


async def test_a_device_that_is_not_there_is_lost(build) -> None:
    driver = ModbusDriver.of_site(site(build.free_port()))
    with pytest.raises(DeviceLostError):
        await driver.connect({}, 0)


async def test_a_device_that_goes_away_is_lost(device: Device) -> None:
    await device.put(1, 1.0)
    built = ModbusDriver.of_site(site(device.port))
    impatient = replace(STANDARD, request_timeout_s=1.5)
    async with ModbusDriver(built.endpoint, built.polls, impatient) as driver:
        await driver.connect({}, 0)
        await driver.read()
        await device.stop()
        with pytest.raises(DeviceLostError):
            await driver.read()


async def test_only_an_allowed_signal_is_written(device: Device) -> None:
    form = site(device.port)
    await device.put(1, 1.0)
    async with ModbusDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        with pytest.raises(DeniedError):
            await driver.write("p1", "flow", 2.0)
    async with ModbusDriver.of_site(form, [("p1", "flow")]) as driver:
        await driver.connect({}, 0)
        await driver.write("p1", "flow", 2.0)
        assert [one.value for one in (await driver.read()).samples] == [2.0]


@pytest.mark.parametrize("endpoint", [None, "", "127.0.0.1:502", "opc.tcp://h:1", "modbus://", "modbus://h:x"])
def test_an_endpoint_of_another_form_is_refused(endpoint: str | None) -> None:
    with pytest.raises(InputError, match="modbus://HOST"):
        ModbusDriver.of_site(site(1).model_copy(update={"endpoint": endpoint}))


async def test_values_are_read_again_when_the_clock_moved_on_between_two_reads(bus, build, make_site, as_words) -> None:
    port = build.free_port()
    moments = [1_000_000, 2_000_000]

    def show(unit: int, start: int, current: list[int]) -> None:
        second = len(bus.asked) > 2
        current[0:4] = as_words(">q", moments[second])
        current[100:102] = as_words(">f", 1.5 + second)

    bus.show = show
    await bus.serve(port)
    form = make_site(
        f"modbus://127.0.0.1:{port}",
        "1/holding/100/float32",
        clock={"address": "1/holding/0/int64"},
        modbus={"max_registers": 50},
    )
    async with ModbusDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        (sample,) = (await driver.read()).samples
    assert (sample.ts_us, sample.value) == (2_000_000, 2.5)


@pytest.mark.parametrize(
    ("address", "unit", "form", "shown"),
    [
        ("1/holding/0/uint32", "s", ">I", 1_700_000_000),
        ("1/holding/0/uint64", "ms", ">Q", 1_700_000_000_000),
        ("1/holding/0/float64", "s", ">d", 1_700_000_000.0),
        ("1/holding/0/int64", "us", ">q", 1_700_000_000_000_000),
    ],
)
async def test_a_clock_may_count_in_other_units(bus, build, make_site, as_words, address, unit, form, shown) -> None:
    port = build.free_port()
    words = as_words(form, shown)
    bus.show = lambda _unit, _start, current: current.__setitem__(slice(0, len(words)), words)
    await bus.serve(port)
    clock = {"address": address, "unit": unit}
    async with ModbusDriver.of_site(
        make_site(f"modbus://127.0.0.1:{port}", "1/holding/9/int16", clock=clock)
    ) as driver:
        await driver.connect({}, 0)
        (sample,) = (await driver.read()).samples
    assert (sample.ts_us, sample.value, sample.quality) == (1_700_000_000_000_000, 9.0, GOOD)


async def test_every_table_and_kind_of_value_in_one_site(bus, build, make_site) -> None:
    port = build.free_port()
    await bus.serve(port)
    form = make_site(
        f"modbus://127.0.0.1:{port}",
        "1/coil/1",
        "1/discrete/2",
        "1/input/3/uint16",
        "2/holding/5/uint16[0]",
        "1/holding/65/string1",
        "2/holding/4/uint32",
        modbus={"order": "cdab"},
    )
    async with ModbusDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        samples = (await driver.read()).samples
    found = {one.signal: one.text if one.value is None else one.value for one in samples}
    assert found == {"s0": 1.0, "s1": 0.0, "s2": 3.0, "s3": 1.0, "s4": "", "s5": float((5 << 16) + 4)}
    assert {one.quality for one in samples} == {GOOD}


async def test_what_cannot_be_written_is_said(bus, build, make_site) -> None:
    port = build.free_port()
    await bus.serve(port)
    addresses = ["1/coil/1", "1/input/2/int16", "1/holding/3/uint16[0]", "1/holding/4/int16", "1/holding/8/uint32/cdab"]
    allowed = [("p1", f"s{n}") for n in range(len(addresses))]
    async with ModbusDriver.of_site(make_site(f"modbus://127.0.0.1:{port}", *addresses), allowed) as driver:
        await driver.connect({}, 0)
        for signal, value in (("s1", 1.0), ("s2", 1.0), ("s3", 70_000.0), ("s3", 0.5)):
            with pytest.raises(DeviceRefusedError):
                await driver.write("p1", signal, value)
        await driver.write("p1", "s0", 0.0)
        await driver.write("p1", "s4", 70_000.0)
        found = {one.signal: one.value for one in (await driver.read()).samples}
        bus.refuse[1, 4] = ExcCodes.ILLEGAL_VALUE
        with pytest.raises(DeviceRefusedError, match="illegal data value"):
            await driver.write("p1", "s3", 7.0)
    assert (found["s0"], found["s4"]) == (0.0, 70_000.0)


async def test_each_endpoint_of_a_site_has_a_driver_with_its_machines(make_site) -> None:
    signals = [{"name": "s0", "address": "1/holding/0/int16"}]
    more = [{"id": "p2", "type": "pump", "endpoint": "modbus://10.0.0.8", "signals": signals}]
    site = make_site("modbus://10.0.0.7", "1/holding/0/int16")
    site = SiteFile.model_validate(site.model_dump() | {"equipment": [site.equipment[0].model_dump(), *more]})
    found = [(one.endpoint.text, {point.equipment_id for poll in one.polls for point in poll.points})
             for one in drivers_for(site, NoSecrets()) if isinstance(one, ModbusDriver)]  # fmt: skip
    assert found == [("modbus://10.0.0.7", {"p1"}), ("modbus://10.0.0.8", {"p2"})]
