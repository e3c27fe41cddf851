from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.service.unit import Service, lines_of, quoted, unit_of


@pytest.fixture
def service(tmp_path: Path) -> Service:
    program = tmp_path / "current" / "bin" / "platform"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    keys = tmp_path / "keys"
    site, contract = tmp_path / "site of $100 %h.yaml", tmp_path / "c.yaml"
    home, gateway = tmp_path / "home", "wss://gateway.example/in"
    return Service("goldlayer-bridge-press", "daemon", tmp_path, site, contract, home, gateway, keys / "g", keys / "v")


def said(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


def test_the_unit_says_what_runs_as_whom_and_what_it_may_touch(service: Service) -> None:
    unit = unit_of(service)
    (command,) = said(unit, "ExecStart")
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert words[:3] == [f"{service.prefix}/current/bin/platform", "bridge", "run"]
    assert dict(zip(words[3::2], words[4::2], strict=True)) == {
        "--site": str(service.site_file),
        "--contract": str(service.contract_file),
        "--home": str(service.home),
        "--gateway": service.gateway,
        "--key-file": str(service.key_file),
    }
    assert (said(unit, "User"), said(unit, "Restart")) == (["daemon"], ["always"])
    assert said(unit, "Type") == ["notify"]
    assert said(unit, "ReadWritePaths") == [f'"{service.home}"']
    for key, value in (("ProtectSystem", "strict"), ("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", "")):
        assert said(unit, key) == [value]
    assert said(unit, "PrivateDevices") == ["yes"]


def test_a_bridge_on_a_serial_line_has_that_line_and_no_other_device(service: Service, build) -> None:
    site = build("- name: flow", endpoint="modbus-rtu:///dev/ttyUSB0").site
    assert lines_of(site) == ("/dev/ttyUSB0",)
    assert lines_of(build("- name: flow", endpoint="modbus-rtu://converter:502").site) == ()
    unit = unit_of(replace(service, lines=lines_of(site)))
    assert (said(unit, "DevicePolicy"), said(unit, "DeviceAllow")) == (["closed"], ['"/dev/ttyUSB0" rw'])
    assert said(unit, "PrivateDevices") == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_has_nothing_to_say_against_it(service: Service, tmp_path: Path) -> None:
    file = tmp_path / f"{service.name}.service"
    for unit in (unit_of(service), unit_of(replace(service, lines=("/dev/ttyUSB0",)))):
        file.write_text(unit)
        found = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
        about = [line for line in found.stderr.splitlines() if service.name in line]
        assert (found.returncode, about) == (0, [])
    file.write_text(unit_of(service).replace("Restart=always", "Restart=perhaps"))
    found = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert "perhaps" in found.stderr


def test_a_word_is_quoted_as_systemd_reads_it() -> None:
    assert quoted('a "b" \\ %h $HOME') == '"a \\"b\\" \\\\ %%h $$HOME"'
