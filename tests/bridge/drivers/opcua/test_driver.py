"""The driver against a real OPC UA server on loopback, with history in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import Server, ua

from bridge.driver import DeviceLostError, Scan
from bridge.drivers.opcua.driver import OpcuaDriver
from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError
from tests.opcua import initialise

START = datetime(2024, 1, 1, tzinfo=UTC)
T0 = 1_704_067_200_000_000


@dataclass
class Device:
    """A server with two nodes; `flow` keeps history, `level` does not."""

    port: int
    server: Server = field(default_factory=Server)

    async def start(self) -> None:
        await initialise(self.server)
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await self.server.register_namespace("urn:test")
        for name in ("flow", "level"):
            node = await self.server.nodes.objects.add_variable(
                ua.NodeId(f"p1/{name}", 2), name, 0.0, ua.VariantType.Double
            )
            await node.set_writable()
        await self.server.start()
        flow = self.server.get_node("ns=2;s=p1/flow")
        await self.server.historize_node_data_change(flow, period=None, count=10_000)

    async def put(self, name: str, second: int, value: float | None, status: int = GOOD) -> None:
        kind = ua.VariantType.Null if value is None else ua.VariantType.Double
        moment = START + timedelta(seconds=second)
        data = ua.DataValue(ua.Variant(value, kind), ua.StatusCode(ua.UInt32(status)), moment, moment)
        await self.server.write_attribute_value(ua.NodeId(f"p1/{name}", 2), data)


@pytest.fixture
async def device(build) -> AsyncIterator[Device]:
    one = Device(build.free_port())
    await one.start()
    yield one
    await one.server.stop()


def site(port: int) -> SiteFile:
    signals = [{"name": name, "address": f"ns=2;s=p1/{name}"} for name in ("flow", "level")]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "opcua",
            "endpoint": f"opc.tcp://127.0.0.1:{port}",
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
        }
    )


def taken(scan: Scan) -> list[Sample]:
    return [*scan.samples, *(one for block in scan.blocks for one in block.samples())]


async def read_until(driver: OpcuaDriver, signal: str, second: int) -> list[Scan]:
    """Scans up to the one with a signal's sample of that second."""
    scans: list[Scan] = []
    async with asyncio.timeout(60):
        while not any(s.signal == signal and s.ts_us == T0 + second * 1_000_000 for x in scans for s in taken(x)):
            scans.append(await driver.read())
    return scans


def of(scans: list[Scan], signal: str) -> list[tuple[int, float | None, int]]:
    """What came of a signal within the test's own hour: the server's first values carry its own clock."""
    seen: dict[Sample, None] = {}
    for scan in scans:
        seen.update(dict.fromkeys(s for s in taken(scan) if s.signal == signal and T0 <= s.ts_us < T0 + 3_600_000_000))
    return [((s.ts_us - T0) // 1_000_000, s.value, s.quality) for s in seen]


async def test_every_value_comes_with_its_time_equal_and_bad_ones_too(device: Device) -> None:
    async with OpcuaDriver.of_site(site(device.port)) as driver:
        await driver.connect({}, 0)
        written = [(1, 5.0, GOOD), (2, 5.0, GOOD), (3, None, BAD_NO_DATA), (4, None, BAD_NO_DATA), (5, 6.0, GOOD)]
        for second, value, status in written:
            await device.put("level", second, value, status)
        scans = await read_until(driver, "level", 5)
    assert of(scans, "level") == written


async def test_the_gap_is_read_from_history_before_what_came_since(device: Device) -> None:
    for second in range(1, 2501):
        await device.put("flow", second, float(second))
    async with OpcuaDriver.of_site(site(device.port)) as driver:
        await driver.connect({("p1", "flow"): T0 + 100_000_000, ("p1", "level"): T0}, 0)
        await device.put("flow", 2501, 2501.0)
        scans = await read_until(driver, "flow", 2501)
    found = of(scans, "flow")
    assert found == [(second, float(second), GOOD) for second in range(found[0][0], 2502)]
    assert found[0][0] <= 100


async def test_a_lost_connection_is_an_error_of_read(device: Device) -> None:
    async with OpcuaDriver.of_site(site(device.port)) as driver:
        await driver.connect({}, 0)
        await device.put("level", 1, 1.0)
        await read_until(driver, "level", 1)
        await device.server.stop()
        with pytest.raises(DeviceLostError):
            async with asyncio.timeout(60):
                while True:
                    await driver.read()


async def test_a_server_that_is_not_there_is_lost(build) -> None:
    driver = OpcuaDriver.of_site(site(build.free_port()))
    with pytest.raises(DeviceLostError):
        await driver.connect({}, 0)


async def test_only_an_allowed_signal_is_written(device: Device) -> None:
    form = site(device.port)
    async with OpcuaDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        with pytest.raises(DeniedError):
            await driver.write("p1", "level", 2.0)
    async with OpcuaDriver.of_site(form, [("p1", "level")]) as driver:
        await driver.connect({}, 0)
        await driver.write("p1", "level", 2.0)
        assert await device.server.get_node("ns=2;s=p1/level").read_value() == 2.0


@pytest.mark.parametrize("endpoint", [None, "opc.tcp://", "modbus://h:1"])
def test_an_endpoint_of_another_form_is_refused(endpoint: str | None) -> None:
    with pytest.raises(InputError, match=r"opc\.tcp://HOST"):
        OpcuaDriver.of_site(site(1).model_copy(update={"endpoint": endpoint}))


def test_a_signal_without_address_or_recording_is_refused() -> None:
    form = site(1)
    bare = form.equipment[0].signals[0].model_copy(update={"address": None})
    pump = form.equipment[0].model_copy(update={"signals": (bare,)})
    with pytest.raises(InputError, match="no address"):
        OpcuaDriver.of_site(form.model_copy(update={"equipment": (pump,)}))
