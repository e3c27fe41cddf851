"""What the doctor says of a bridge that is well, and of each thing that is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.doctor.devices import device_findings
from bridge.doctor.files import contract_finding, home_findings, key_finding
from bridge.doctor.gateway import gateway_findings
from bridge.packages.trust import Trust
from bridge.store import Store
from bridge.vault import NoSecrets
from cli.main import main
from core import faults
from core.clock import CLOCK
from core.contracts.package_key import pem_of
from core.contracts.site import SiteFile
from core.findings import Finding, State
from core.settings import BridgeSettings
from tests.bridge.drivers.modbus.conftest import Bus


@pytest.fixture
async def bus(build) -> AsyncIterator[int]:
    one, port = Bus(), build.free_port()
    await one.serve(port)
    yield port
    await one.stop()


def site_of(port: int, *registers: int) -> SiteFile:
    signals = [{"name": f"r{at}", "address": f"1/holding/{at}/uint16"} for at in registers]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "modbus",
            "endpoint": f"modbus://127.0.0.1:{port}",
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
        }
    )


async def examined(site: SiteFile, home: Path, most: int = 200) -> list[Finding]:
    return [one async for one in device_findings(site, home, NoSecrets(), most=most)]


async def test_devices_and_signals(bus: int, build, tmp_path: Path) -> None:
    device, signals = await examined(site_of(bus, 3, 7), tmp_path)
    assert (device.state, device.said) == (State.RIGHT, f"modbus://127.0.0.1:{bus} answers")
    assert (signals.state, signals.said) == (State.RIGHT, "all 2 asked: 2 numbers, 0 texts")
    _, some = await examined(site_of(bus, *range(10)), tmp_path, most=4)
    assert some.said == "4 of 10 asked: 4 numbers, 0 texts"
    _, _, beyond = await examined(site_of(bus, 3, 9000), tmp_path)
    assert (beyond.state, beyond.next_step) == (State.WRONG, "correct `address` in the site file")
    assert "1 cannot be read: p1.r9000" in beyond.said
    (away,) = await examined(site_of(build.free_port(), 3), tmp_path)
    assert (away.state, away.said.split(";")[0]) == (State.WRONG, "device cannot be reached")


async def test_the_gateway_and_its_clock(gateway, build, tmp_path: Path) -> None:
    async def asked(url: str, key=build.key) -> list[tuple[str, State, str]]:
        return [(one.thing, one.state, one.next_step) async for one in gateway_findings(url, key)]

    assert await asked(gateway.url) == [("gateway", State.RIGHT, ""), ("clock", State.RIGHT, "")]
    assert gateway.hellos == []
    refused = await asked(gateway.url, type(build.key)("wrong"))
    assert refused[0] == ("gateway", State.WRONG, "check --key-file, or register the site and copy its key")
    assert (await asked(f"ws://127.0.0.1:{build.free_port()}"))[0][1] is State.WRONG
    assert (await asked("ws://plant.example"))[0][1] is State.WRONG
    (tmp_path / CLOCK).write_text("3600")
    faults.arm(tmp_path)
    try:
        off = [one async for one in gateway_findings(gateway.url, build.key)][1]
    finally:
        faults.arm(None)
    assert off.state is State.WRONG
    assert "ahead of the gateway's" in off.said


def test_key_contract_and_home(tmp_path: Path, build) -> None:
    key = tmp_path / "site.key"
    assert key_finding(key).state is State.WRONG
    key.write_text("secret")
    key.chmod(0o644)
    assert key_finding(key).next_step == f"chmod 600 {key}"
    key.chmod(0o600)
    assert key_finding(key).state is State.RIGHT
    built = build("- name: flow")
    assert contract_finding(built.site, built.contract).said.startswith("loop 1.0.0: 1 of 2 signals leave")
    home = tmp_path / "home"
    (never,) = home_findings(home, BridgeSettings())
    assert never.state is State.NOTICE
    with Store.open(home):
        assert list(home_findings(home, BridgeSettings()))[-1].said == "no key is trusted yet"
        shown = Trust(home, "newcomer-co").set(pem_of(Ed25519PrivateKey.generate()), "anna")
        well = list(home_findings(home, BridgeSettings()))
        assert shown in well[-1].said
        assert well[0].said.endswith("a bridge runs")
        assert {one.state for one in well} == {State.RIGHT}
        full = list(home_findings(home, BridgeSettings(outbox_max_bytes=0, store_max_bytes=1)))
    assert [one.thing for one in full if one.state is State.WRONG] == ["outbox", "journal"]


def test_the_command_ends_with_1_and_says_what_to_do(tmp_path: Path, build, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_of(build.free_port(), 3)
    (tmp_path / "loop.yaml").write_text(yaml.safe_dump(json.loads(site.model_dump_json(exclude_defaults=True))))
    built = build("- name: flow")
    (tmp_path / "contract.yaml").write_text(built.contract.source)
    words = ["bridge", "doctor", "--site", str(tmp_path / "loop.yaml"), "--home", str(tmp_path / "home")]
    assert main([*words, "--contract", str(tmp_path / "contract.yaml")]) == 1
    told = "".join(capsys.readouterr())
    assert "wrong" in told.splitlines()[-1]
    assert "WRONG" in told
