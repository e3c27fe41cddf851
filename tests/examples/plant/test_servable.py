from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.device import ModbusOptions
from core.errors import InputError
from examples.plant.recording import read_recording
from examples.plant.servable import check_servable

_EPOCH = {"timestamp": {"column": "t", "format": "epoch_s"}}


def _equipment(*signals: dict[str, str]) -> list[dict[str, object]]:
    return [{"id": "pump-1", "type": "pump", "signals": list(signals)}]


@pytest.mark.parametrize(
    ("protocol", "equipment", "says"),
    [
        ("modbus", _equipment({"name": "a"}, {"name": "word"}), "text cannot travel"),
        ("modbus", _equipment({"name": "a", "address": "1/holding/0/float32"}), "lays out its registers"),
        ("modbus", _equipment(*({"name": f"a_{n}", "column": "a"} for n in range(61))), "too many signals"),
        ("opcua", _equipment({"name": "a", "address": "nonsense"}), "address cannot be read"),
        ("opcua", _equipment({"name": "a", "address": "/2:Plant/2:a"}), "no names to look up"),
        ("opcua", _equipment({"name": "a", "address": "nsu=urn:plant;s=a"}), "no names to look up"),
    ],
)
def test_what_no_server_could_serve_is_told_at_once(write_site, tmp_path: Path, protocol, equipment, says) -> None:
    site = write_site("t,a,word\n0,1,x\n", _EPOCH, equipment, protocol=protocol)
    with pytest.raises(InputError, match=says):
        check_servable(read_recording(site, tmp_path))


def test_a_modbus_replay_leaves_its_registers_to_nobody(write_site, tmp_path: Path) -> None:
    site = write_site("t,a\n0,1\n", _EPOCH, _equipment({"name": "a"}), protocol="modbus")
    site = site.model_copy(update={"modbus": ModbusOptions(max_registers=4)})
    with pytest.raises(InputError, match="lays out its registers"):
        check_servable(read_recording(site, tmp_path))


@pytest.mark.parametrize("protocol", ["opcua", "modbus"])
def test_numbers_are_served_by_both(write_site, tmp_path: Path, protocol: str) -> None:
    site = write_site("t,a\n0,1\n1,nan\n2,\n", _EPOCH, _equipment({"name": "a"}), protocol=protocol)
    check_servable(read_recording(site, tmp_path))
