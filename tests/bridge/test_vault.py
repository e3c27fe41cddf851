"""Secrets of devices: sealed where they lie, written down when they are used, found in nothing that a run leaves."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import Server
from asyncua.crypto.permission_rules import User

from bridge.app import run
from bridge.config import BridgeConfig
from bridge.vault import BridgeVault
from cli.main import main
from core import faults
from core.errors import InputError, TransientError
from core.settings import BridgeSettings

PASSWORD = "pw-Zq81-never-anywhere"


def uses(home: Path) -> list[dict[str, object]]:
    files = sorted((home / "secret-uses").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def everything_in(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_secret_is_sealed_where_it_lies_and_its_key_may_lie_elsewhere(tmp_path: Path) -> None:
    home, key = tmp_path / "home", tmp_path / "etc" / "key"
    vault = BridgeVault(home, key)
    vault.put("plc/password", PASSWORD)
    assert PASSWORD.encode() not in everything_in(home)
    assert vault.use("plc/password", endpoint="opc.tcp://a", purpose="sign in").reveal() == PASSWORD
    assert (vault.names(), key.stat().st_mode & 0o777) == (["plc/password"], 0o600)
    with pytest.raises(InputError, match="no key opens"):
        BridgeVault(home).use("plc/password", endpoint="opc.tcp://a", purpose="sign in")
    key.chmod(0o644)
    with pytest.raises(InputError, match="open to others"):
        vault.use("plc/password", endpoint="opc.tcp://a", purpose="sign in")


def test_every_use_is_written_down_without_the_value(tmp_path: Path) -> None:
    vault = BridgeVault(tmp_path)
    vault.put("plc/password", PASSWORD)
    vault.use("plc/password", endpoint="opc.tcp://a", purpose="sign in")
    with pytest.raises(InputError, match="secret set other"):
        vault.use("other", endpoint="opc.tcp://b", purpose="sign in")
    vault.remove("plc/password")
    told = [(one["secret"], one["purpose"], one["endpoint"], one["outcome"]) for one in uses(tmp_path)]
    assert told == [
        ("plc/password", "set", None, "done"),
        ("plc/password", "sign in", "opc.tcp://a", "done"),
        ("other", "sign in", "opc.tcp://b", "no such secret in the bridge's vault"),
        ("plc/password", "remove", None, "done"),
    ]
    assert PASSWORD.encode() not in everything_in(tmp_path)


def test_a_use_that_cannot_be_written_down_does_not_happen(tmp_path: Path) -> None:
    BridgeVault(tmp_path / "home").put("plc/password", PASSWORD)
    folder = tmp_path / "home" / "secret-uses"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    with pytest.raises(TransientError, match="cannot be written down"):
        BridgeVault(tmp_path / "home").use("plc/password", endpoint="a", purpose="sign in")


def test_a_rotation_that_was_cut_off_at_either_end_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, key = BridgeVault(tmp_path), tmp_path / "vault.key"
    for name in ("one", "two"):
        vault.put(name, PASSWORD)
    first = key.read_text()
    for cut in ("core.vault.file.FileVault.change_key", "pathlib.Path.replace"):
        with monkeypatch.context() as patched:
            patched.setattr(cut, _dies)
            with pytest.raises(InterruptedError):
                vault.rotate()
        assert vault.use("one", endpoint="a", purpose="sign in").reveal() == PASSWORD
    assert vault.rotate() == 2
    assert (key.read_text() == first, (tmp_path / "vault.key.next").exists()) == (False, False)
    assert BridgeVault(tmp_path).use("two", endpoint="a", purpose="sign in").reveal() == PASSWORD


def test_a_rotation_after_a_move_that_ended_another_is_to_a_new_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, key = BridgeVault(tmp_path), tmp_path / "vault.key"
    vault.put("one", PASSWORD)
    with monkeypatch.context() as patched:
        patched.setattr("bridge.vault_keys.FileKeys.promote", _dies)
        with pytest.raises(InterruptedError):
            vault.rotate()
    vault.move_key("file")
    moved = key.read_text()
    assert vault.rotate() == 1
    assert key.read_text() != moved
    assert vault.use("one", endpoint="a", purpose="sign in").reveal() == PASSWORD


def _dies(*_: object) -> None:
    raise InterruptedError


def test_the_command_keeps_lists_removes_and_rotates(tmp_path: Path, monkeypatch, capsys) -> None:
    def typed(*words: str, text: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert main(["bridge", "secret", *words, "--home", str(tmp_path / "home")]) == 0
        return "".join(capsys.readouterr())

    (tmp_path / "key.pem").write_text("-----BEGIN\nkey\n-----END\n")
    said = typed("set", "plc/password", text=f"{PASSWORD}\n") + typed("set", "key", "--file", f"{tmp_path}/key.pem")
    assert typed("list").split() == ["key", "plc/password"]
    said += typed("rotate") + typed("remove", "key")
    assert (PASSWORD in said, "-----BEGIN" in said) == (False, False)
    vault = BridgeVault(tmp_path / "home")
    assert vault.use("plc/password", endpoint="a", purpose="sign in").reveal() == PASSWORD
    (tmp_path / "key.pem").write_bytes(b"\xff\xfe")
    command = ["bridge", "secret", "set", "key", "--file", f"{tmp_path}/key.pem", "--home", str(tmp_path)]
    assert main(command) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["bridge", "secret", "set", "key", "--home", str(tmp_path)]) == 2
    assert "a secret is empty" in capsys.readouterr().err


class _Nobody:
    """A device that lets nobody in, and writes down who came."""

    def __init__(self) -> None:
        self.came: list[tuple[str | None, str | bytes | None]] = []

    def get_user(self, iserver, username=None, password=None, certificate=None) -> User | None:
        self.came.append((username, password))
        return None


async def test_nothing_that_a_failing_run_writes_or_sends_has_the_secret(
    tmp_path: Path, build, gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    device, endpoint = _Nobody(), f"opc.tcp://127.0.0.1:{build.free_port()}"
    server = Server(user_manager=device)
    await server.init()
    server.set_endpoint(endpoint)
    await server.start()
    options = {"user": "bridge", "password_secret": "plc/password"}
    site = {"protocol": "opcua", "endpoint": endpoint, "opcua": options}
    signals = [{"name": "flow", "address": "ns=2;s=flow"}]
    built = build("- name: flow", **site, equipment=[{"id": "p1", "type": "pump", "signals": signals}])
    BridgeVault(tmp_path / "home").put("plc/password", PASSWORD)
    settings = BridgeSettings(reconnect_max_s=0.2, heartbeat_interval_s=0.1)
    config = BridgeConfig(
        built.site, built.contract, tmp_path / "home", gateway.url, build.key, "loop-bridge", settings
    )
    stop = asyncio.Event()
    bridge = asyncio.create_task(run(config, stop))
    try:
        await build.until(lambda: len(device.came) >= 2 and len(gateway.heartbeats) >= 2)
        (tmp_path / "faults").mkdir()
        faults.arm(tmp_path / "faults")
        (tmp_path / "faults" / "bridge.disk_full").touch()
        came = len(device.came)
        await build.until(lambda: len(device.came) > came)
    finally:
        faults.arm(None)
        stop.set()
        await bridge
        await server.stop()
    assert ("bridge", PASSWORD) in device.came
    sent = "".join(one.model_dump_json() for one in [*gateway.hellos, *gateway.heartbeats]).encode()
    said = "".join(capsys.readouterr()).encode()
    assert b"refuses the user" in said
    assert PASSWORD.encode() not in everything_in(tmp_path) + sent + said + repr(config).encode()
    assert {one["purpose"] for one in uses(tmp_path / "home")} == {"set", "check at start", "sign in"}
    with pytest.raises(InputError, match="secret set plc/password") as error:
        await run(replace(config, home=tmp_path / "elsewhere"), stop)
    assert PASSWORD not in str(error.value)
