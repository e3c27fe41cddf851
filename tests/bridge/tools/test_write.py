"""Writing on site: real devices, and every way in which a write is refused, fails or is not confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua

from bridge.driver import DeviceLostError
from bridge.tools.attempts import Attempt, AttemptLog, Verdict
from bridge.tools.write import NotConfirmedError, Request, write_tag
from bridge.vault import NoSecrets
from core.contracts.site import SiteFile, load_site
from core.errors import DeniedError, InputError, NotFoundError, TerminalError
from tests.bridge.drivers.modbus.conftest import Bus
from tests.opcua import initialise

RULE = {"minimum": 0, "maximum": 100, "max_writes": 2, "per_s": 3600, "confirm_within_s": 0.3}


def modbus(port: int, **rule: Any) -> SiteFile:
    """A pump whose setpoint is holding register 40 and whose mode is register 2; register n holds n."""
    signals = [
        {"name": "setpoint", "unit": "rpm", "address": "1/holding/40/uint16", "write": RULE | rule},
        {"name": "mode", "address": "1/holding/2/uint16"},
        {"name": "flow", "address": "1/holding/3/uint16"},
    ]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "modbus",
            "endpoint": f"modbus://127.0.0.1:{port}",
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
        }
    )


@dataclass
class Hand:
    """Somebody on site."""

    home: Path

    async def write(self, site: SiteFile, value: float, signal: str = "setpoint") -> Attempt:
        return await write_tag(site, self.home, NoSecrets(), Request("p1", signal, value, "otto", "test run"))

    def verdicts(self) -> list[str]:
        return [one.verdict.value for one in AttemptLog(self.home).all()]


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    return Hand(tmp_path / "home")


@pytest.fixture
async def port(build) -> AsyncIterator[int]:
    bus, port = Bus(), build.free_port()
    await bus.serve(port)
    yield port
    await bus.stop()


async def test_a_write_is_read_back_and_written_down_before_and_after(port: int, hand: Hand) -> None:
    done = await hand.write(modbus(port), 55)
    assert (done.before, done.after, done.verdict) == (40.0, 55.0, Verdict.CONFIRMED)
    begun, ended = AttemptLog(hand.home).all()
    assert (begun.verdict, begun.before, begun.after) == (Verdict.BEGUN, 40.0, None)
    assert (ended.attempt, ended.who, ended.reason) == (begun.attempt, "otto", "test run")
    assert AttemptLog(hand.home).path.stat().st_mode & 0o777 == 0o600


async def test_what_the_site_file_does_not_allow_is_refused_and_written_down(port: int, hand: Hand) -> None:
    with pytest.raises(DeniedError, match=r"p1\.flow may not be written"):
        await hand.write(modbus(port), 1, "flow")
    with pytest.raises(NotFoundError, match=r"no such signal; received 'p1\.folw'"):
        await hand.write(modbus(port), 1, "folw")
    for value in (-1, 101, float("nan"), float("inf")):
        with pytest.raises(DeniedError, match="may not be set to that; expected 0 to 100 rpm"):
            await hand.write(modbus(port), value)
    with pytest.raises(DeniedError, match=r"change that far in one write; expected at most 5 from 40; received 46"):
        await hand.write(modbus(port, max_step=5), 46)
    assert hand.verdicts() == ["refused"] * 7


async def test_an_interlock_is_read_from_the_device_at_that_moment(port: int, hand: Hand) -> None:
    locked = modbus(port, interlocks=[{"signal": "mode", "must": "=", "value": 1}])
    with pytest.raises(DeniedError, match=r"interlock of p1\.setpoint does not hold; expected p1\.mode = 1; rec"):
        await hand.write(locked, 50)
    open_ = modbus(port, interlocks=[{"signal": "mode", "must": "<", "value": 3}])
    assert (await hand.write(open_, 50)).after == 50.0
    assert hand.verdicts() == ["refused", "begun", "confirmed"]


async def test_no_more_writes_in_a_time_than_allowed(port: int, hand: Hand) -> None:
    for value in (50, 51):
        await hand.write(modbus(port), value)
    with pytest.raises(DeniedError, match="written too often; expected at most 2 writes in 3600 s; received '2"):
        await hand.write(modbus(port), 52)
    assert (await hand.write(modbus(port, max_writes=3), 52)).after == 52.0


async def test_a_device_that_is_away_is_written_down(build, hand: Hand) -> None:
    with pytest.raises(DeviceLostError):
        await hand.write(modbus(build.free_port()), 50)
    (line,) = AttemptLog(hand.home).all()
    assert (line.verdict, line.why[:24]) == (Verdict.REFUSED, "device cannot be reached")


async def test_a_log_that_was_changed_stops_writing(port: int, hand: Hand) -> None:
    await hand.write(modbus(port), 50)
    log = AttemptLog(hand.home)
    log.path.write_text(log.path.read_text().replace("otto", "anna", 1))
    with pytest.raises(TerminalError, match="log of writes is not as it was written; received 'line 2"):
        await hand.write(modbus(port), 51)
    lines = log.path.read_text().splitlines(keepends=True)
    log.path.write_text(lines[1])
    with pytest.raises(TerminalError, match="line 1: it does not follow"):
        log.all()


async def test_two_at_once_are_one_too_many(port: int, hand: Hand) -> None:
    with AttemptLog(hand.home).alone(), pytest.raises(InputError, match="somebody is writing now"):
        await hand.write(modbus(port), 50)


@pytest.fixture
async def plant(build) -> AsyncIterator[Server]:
    """An OPC UA server with a setpoint that anybody may write and a mode."""
    server = Server()
    await initialise(server)
    server.set_endpoint(f"opc.tcp://127.0.0.1:{build.free_port()}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:plant")
    folder = await server.nodes.objects.add_folder(ua.NodeId("Plant", 2), "2:Plant")
    setpoint = await folder.add_variable(ua.NodeId("setpoint", 2), "2:setpoint", ua.Variant(400, ua.VariantType.Int16))
    await setpoint.set_writable()
    await folder.add_variable(ua.NodeId("mode", 2), "2:mode", ua.Variant(True))
    await server.start()
    yield server
    await server.stop()


def opcua(server: Server, **rule: Any) -> SiteFile:
    signals = [
        {"name": "setpoint", "unit": "rpm", "address": "ns=2;s=setpoint", "scale": 0.1, "write": RULE | rule},
        {"name": "mode", "address": "ns=2;s=mode", "write": RULE},
        {"name": "gone", "address": "ns=2;s=gone"},
    ]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "opcua",
            "endpoint": server.endpoint.geturl(),
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
        }
    )


async def test_over_opc_ua_in_the_nodes_own_type_and_scale(plant: Server, hand: Hand) -> None:
    done = await hand.write(opcua(plant, interlocks=[{"signal": "mode", "must": "=", "value": 1}]), 41.5)
    assert (done.before, done.after) == (40.0, 41.5)
    assert await plant.get_node("ns=2;s=setpoint").read_value() == 415
    with pytest.raises(DeniedError, match="interlock"):
        await hand.write(opcua(plant, interlocks=[{"signal": "mode", "must": "=", "value": 0}]), 42)


async def test_a_device_that_refuses_and_one_that_shows_something_else(plant: Server, hand: Hand) -> None:
    with pytest.raises(TerminalError, match="device refuses the write"):
        await hand.write(opcua(plant), 0, "mode")
    assert hand.verdicts() == ["begun", "failed"]
    with pytest.raises(NotConfirmedError, match=r"written, but not confirmed; expected 40\.04 within 0; received '40'"):
        await hand.write(opcua(plant), 40.04)
    last = AttemptLog(hand.home).all()[-1]
    assert (last.verdict, last.after) == (Verdict.NOT_CONFIRMED, 40.0)
    assert (await hand.write(opcua(plant, tolerance=0.1), 40.04)).after == 40.0


def test_a_site_file_says_limits_that_make_sense(tmp_path: Path) -> None:
    text = """
tenant: newcomer-co
site: loop
protocol: modbus
endpoint: modbus://127.0.0.1:502
equipment:
  - id: p1
    type: pump
    signals:
      - name: setpoint
        address: 1/holding/40/uint16
        write: {minimum: 0, maximum: 10, interlocks: [{signal: mode, must: "=", value: 1}]}
"""
    file = tmp_path / "loop.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"an interlock names no signal of the site; received 'p1\.mode'"):
        load_site(file)
    file.write_text(text.replace("maximum: 10", "maximum: -1"))
    with pytest.raises(InputError, match="`minimum` is above `maximum`"):
        load_site(file)
