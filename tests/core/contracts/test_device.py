"""What a site file may say of its devices; whatever is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.site import SiteFile, load_site
from core.errors import InputError

SITE = """
tenant: newcomer-co
site: loop
protocol: modbus
endpoint: modbus://10.0.0.7
clock: {address: 1/holding/0/uint32, unit: s}
modbus:
  order: cdab
  request_timeout_s: 1.5
  max_registers: 60
  max_bits: 800
  max_gap: 4
  serial: {baud_rate: 9600, parity: none, stop_bits: 2, data_bits: 8}
equipment:
  - id: pump-1
    type: pump
    signals:
      - {name: flow, address: 1/holding/4/int16, scale: 0.1, offset: -40}
"""


def load(folder: Path, text: str) -> SiteFile:
    path = folder / "loop.yaml"
    path.write_text(text)
    return load_site(path)[0]


def test_every_key_arrives(tmp_path: Path) -> None:
    site = load(tmp_path, SITE)
    assert site.modbus is not None
    assert site.modbus.serial is not None
    assert site.clock is not None
    assert site.clock.unit == "s"
    assert (site.modbus.order, site.modbus.request_timeout_s, site.modbus.max_gap) == ("cdab", 1.5, 4)
    assert (site.modbus.max_registers, site.modbus.max_bits, site.modbus.serial.baud_rate) == (60, 800, 9_600)
    signal = site.equipment[0].signals[0]
    assert (signal.scale, signal.offset) == (0.1, -40.0)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("order: cdab", "order: acbd", r"modbus\.order.*abcd"),
        ("order: cdab", "ordr: cdab", r"unknown key 'modbus\.ordr'"),
        ("request_timeout_s: 1.5", "request_timeout_s: 0", r"modbus\.request_timeout_s.*greater than 0"),
        ("request_timeout_s: 1.5", "request_timeout_s: .inf", r"modbus\.request_timeout_s.*finite"),
        ("max_registers: 60", "max_registers: 126", r"modbus\.max_registers.*125"),
        ("max_bits: 800", "max_bits: 2001", r"modbus\.max_bits.*2000"),
        ("max_gap: 4", "max_gap: -1", r"modbus\.max_gap.*0"),
        ("parity: none", "parity: mark", r"modbus\.serial\.parity.*even"),
        ("stop_bits: 2", "stop_bits: 3", r"modbus\.serial\.stop_bits"),
        ("data_bits: 8", "data_bits: 9", r"modbus\.serial\.data_bits"),
        ("baud_rate: 9600", "baud_rate: fast", r"modbus\.serial\.baud_rate.*integer"),
        ("unit: s}", "unit: min}", r"clock\.unit"),
        ("scale: 0.1", "scale: 0", r"signals\.0\.scale.*scale of 0"),
        ("offset: -40", "offset: .nan", r"signals\.0\.offset.*finite"),
        ("protocol: modbus", "protocol: opcua", "'clock' is for the protocol modbus"),
    ],
)
def test_a_wrong_key_is_one_error_that_names_it(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    assert right in SITE
    with pytest.raises(InputError, match=told) as refusal:
        load(tmp_path, SITE.replace(right, wrong))
    assert str(refusal.value).count("\n") == 0
    assert refusal.value.where == str(tmp_path / "loop.yaml")


def test_a_recording_is_not_scaled(tmp_path: Path) -> None:
    recording = "recording: {path: r.csv, timestamp: {column: t, format: iso}}\nequipment:"
    with pytest.raises(InputError, match="scale or offset of 'flow'"):
        load(tmp_path, SITE.replace("equipment:", recording))
