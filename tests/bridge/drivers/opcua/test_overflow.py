"""A server whose queue ran over says so in the status code; what it dropped is read from its history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from bridge.driver import DeviceLostError
from bridge.drivers.opcua.address import parse_address
from bridge.drivers.opcua.decode import overflowed, without_overflow
from bridge.drivers.opcua.driver import OpcuaDriver
from bridge.drivers.opcua.plan import Plan
from bridge.drivers.opcua.session import RawChanges
from core.contracts.quality import CALCULATED, GOOD

OVERFLOW = 0x480


def published(status: int) -> ua.PublishResult:
    value = ua.DataValue(ua.Variant(1.0), ua.StatusCode(ua.UInt32(status)), datetime(2024, 1, 1, tzinfo=UTC))
    item = ua.MonitoredItemNotification(ClientHandle=1, Value=value)
    body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=[item]))
    message = ua.NotificationMessage(NotificationData=[RawChanges(body)])
    return ua.PublishResult(1, NotificationMessage=message)


@pytest.fixture
def driver() -> OpcuaDriver:
    one = OpcuaDriver(Plan("opc.tcp://127.0.0.1:1", {("p1", "flow"): parse_address("i=1", where="test")}))
    one._room.set()
    return one


async def test_with_history_the_connection_is_made_anew_and_nothing_is_taken_out_of_order(driver: OpcuaDriver) -> None:
    await driver._published(published(OVERFLOW))
    with pytest.raises(DeviceLostError, match="ran over"):
        await driver.read()


async def test_without_history_the_values_stay_and_the_loss_is_told(driver: OpcuaDriver) -> None:
    driver._no_history = {("p1", "flow")}
    await driver._published(published(OVERFLOW))
    scan = await driver.read()
    assert [(one.value, one.quality) for block in scan.blocks for one in block.samples()] == [(1.0, GOOD)]
    assert scan.unfilled == {"p1"}


def test_the_bit_goes_and_the_rest_of_the_code_stays() -> None:
    assert overflowed(OVERFLOW)
    assert not overflowed(CALCULATED)
    assert not overflowed(0x80)
    assert without_overflow(OVERFLOW) == GOOD
    assert without_overflow(OVERFLOW | CALCULATED) == CALCULATED
    assert without_overflow(0x80000000 | OVERFLOW) == 0x80000000
