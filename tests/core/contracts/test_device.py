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
        ("protocol: modbus", "protocol: opcua", "'clock' is not for the protocol opcua"),
    ],
)
def test_a_wrong_key_is_one_error_that_names_it(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    assert right in SITE
    with pytest.raises(InputError, match=told) as refusal:
        load(tmp_path, SITE.replace(right, wrong))
    assert str(refusal.value).count("\n") == 0
    assert refusal.value.where == str(tmp_path / "loop.yaml")


def test_machines_may_have_devices_of_their_own(tmp_path: Path) -> None:
    more = """
  - {id: "pump-[2..3]", type: pump, endpoint: modbus://10.0.0.8, signals: [{name: flow, address: 1/holding/4/int16}]}
  - {id: pump-4, type: pump, endpoint: modbus://10.0.0.7, signals: [{name: flow, address: 2/holding/4/int16}]}
"""
    site = load(tmp_path, SITE + more)
    found = [(one.endpoint, [unit.id for unit in one.units()]) for one in site.by_endpoint()]
    assert found == [("modbus://10.0.0.7", ["pump-1", "pump-4"]), ("modbus://10.0.0.8", ["pump-2", "pump-3"])]
    assert site.without_device() == []
    rest = load(tmp_path, (SITE + more).replace("endpoint: modbus://10.0.0.7\n", ""))
    assert [entry.id for entry in rest.without_device()] == ["pump-1"]


def test_a_recording_is_not_scaled(tmp_path: Path) -> None:
    recording = "recording: {path: r.csv, timestamp: {column: t, format: iso}}\nequipment:"
    with pytest.raises(InputError, match="scale, offset, element or deadband of 'flow'"):
        load(tmp_path, SITE.replace("equipment:", recording))
    with pytest.raises(InputError, match="`endpoint` of a machine"):
        load(
            tmp_path,
            SITE.replace("equipment:", recording).replace("type: pump", "type: pump\n    endpoint: modbus://h"),
        )
    with pytest.raises(InputError, match="deadband of 'flow'"):
        load(tmp_path, OPCUA.replace("equipment:", recording))


OPCUA = """
tenant: newcomer-co
site: loop
protocol: opcua
endpoint: opc.tcp://10.0.0.7:4840
opcua:
  profile: s7-1500
  publishing_interval_s: 0.5
  sampling_interval_s: 0.1
  request_timeout_s: 5
  max_items_per_call: 100
  user: bridge
  password_secret: plc/password
  security: {mode: sign, certificate: bridge.der, private_key_secret: plc/key, server_certificate: server.der}
equipment:
  - id: pump-1
    type: pump
    signals:
      - {name: flow, address: ns=2;s=flow, deadband: {percent: 1}, element: 2}
"""


def test_every_key_of_opcua_arrives_and_paths_start_at_the_site_file(tmp_path: Path) -> None:
    site = load(tmp_path, OPCUA)
    assert site.opcua is not None
    assert site.opcua.security is not None
    security, signal = site.opcua.security, site.equipment[0].signals[0]
    assert (site.opcua.profile, site.opcua.user, site.opcua.max_items_per_call) == ("s7-1500", "bridge", 100)
    assert (site.opcua.publishing_interval_s, site.opcua.sampling_interval_s) == (0.5, 0.1)
    assert (security.policy, security.mode) == ("basic256sha256", "sign")
    assert site.opcua.password_secret == "plc/password"
    assert (security.certificate, security.private_key_secret) == (tmp_path / "bridge.der", "plc/key")
    assert security.server_certificate == str(tmp_path / "server.der")
    assert signal.deadband is not None
    assert (signal.deadband.percent, signal.deadband.absolute, signal.element) == (1.0, None, 2)
    pinned = load(tmp_path, OPCUA.replace("server.der", "'sha256:00'"))
    assert pinned.opcua is not None
    assert pinned.opcua.security is not None
    assert pinned.opcua.security.server_certificate == "sha256:00"


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("mode: sign", "mode: encrypt", r"opcua\.security\.mode.*sign_and_encrypt"),
        ("mode: sign", "policy: basic128rsa15", r"opcua\.security\.policy.*basic256sha256"),
        ("certificate: bridge.der, ", "", r"opcua\.security\.certificate.*required"),
        ("private_key_secret: plc/key, ", "", r"opcua\.security\.private_key_secret.*required"),
        (", server_certificate: server.der", "", r"opcua\.security\.server_certificate.*required"),
        ("  user: bridge\n", "", "`user` and `password_secret` belong together"),
        ("  password_secret: plc/password\n", "", "`user` and `password_secret` belong together"),
        ("password_secret: plc/password", "password_secret: /etc/password", r"opcua\.password_secret"),
        ("publishing_interval_s: 0.5", "publishing_interval_s: 0", r"opcua\.publishing_interval_s"),
        ("sampling_interval_s: 0.1", "sampling_interval_s: -1", r"opcua\.sampling_interval_s"),
        ("max_items_per_call: 100", "max_items_per_call: 0", r"opcua\.max_items_per_call"),
        ("profile: s7-1500", "profil: s7-1500", r"unknown key 'opcua\.profil'"),
        ("{percent: 1}", "{percent: 101}", r"signals\.0\.deadband\.percent"),
        ("{percent: 1}", "{percent: 1, absolute: 1}", "either `absolute` or `percent`"),
        ("{percent: 1}", "{}", "either `absolute` or `percent`"),
        ("element: 2", "element: -1", r"signals\.0\.element"),
        ("protocol: opcua", "protocol: modbus", "'opcua' is not for the protocol modbus"),
    ],
)
def test_a_wrong_key_of_opcua_is_one_error_that_names_it(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    assert right in OPCUA
    with pytest.raises(InputError, match=told) as refusal:
        load(tmp_path, OPCUA.replace(right, wrong))
    assert str(refusal.value).count("\n") == 0
