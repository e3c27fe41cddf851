from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from bridge.drivers import driver_for
from bridge.etl.form import Pipeline
from bridge.rules.form import RuleFile
from bridge.vault import BridgeVault, NoSecrets
from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.device import Deadband, ModbusOptions, OpcuaOptions, OpcuaSecurity, SerialLine
from core.contracts.equipment import Equipment, Signal
from core.contracts.recording import Recording
from core.contracts.site import Clock, SiteFile, load_site
from core.contracts.writing import Interlock, WriteRule
from examples.plant.recording import read_recording

_PAGE = (Path(__file__).parents[2] / "docs" / "sites.md").read_text(encoding="utf-8")
_BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)


def test_the_smallest_site_of_the_docs_works_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(_BLOCKS[0])
    (tmp_path / "recording.csv").write_text("datetime;Volume Flow RateRMS;Current\n2020-03-09 10:14:33;32;1.5\n")
    site, warnings = load_site(tmp_path / "site.yaml")
    assert warnings == []
    assert read_recording(site, tmp_path).readings == 2


def load_block(folder: Path, protocol: str, block: str) -> SiteFile:
    path = folder / f"{protocol}.yaml"
    path.write_text(f"tenant: newcomer-co\nsite: test-loop\nprotocol: {protocol}\n{block}")
    return load_site(path)[0]


def test_every_other_site_of_the_docs_has_a_driver(tmp_path: Path) -> None:
    modbus, opcua = _BLOCKS[1:3]
    driver_for(load_block(tmp_path, "modbus", modbus), NoSecrets())
    driver_for(load_block(tmp_path, "opcua", opcua), NoSecrets())


def test_the_secure_site_of_the_docs_works_with_the_certificate_of_the_docs(tmp_path: Path) -> None:
    (command,) = re.findall(r"```sh\n(openssl.*?)```", _PAGE, re.DOTALL)
    subprocess.run(["/bin/sh", "-ec", command], cwd=tmp_path, check=True, capture_output=True)
    vault = BridgeVault(tmp_path)
    vault.put("press/key", (tmp_path / "bridge.pem").read_text())
    vault.put("press/password", "right")
    security = _BLOCKS[3].replace("1f0c2b...", "1f" * 32)
    equipment = _BLOCKS[2][_BLOCKS[2].index("equipment:") :]
    driver_for(load_block(tmp_path, "opcua", f"endpoint: opc.tcp://10.0.0.7:4840\n{security}{equipment}"), vault)


def block_with(word: str) -> str:
    (found,) = [block for block in _BLOCKS if block.startswith(word)]
    return found


def test_the_pipeline_of_the_docs_is_one() -> None:
    assert Pipeline.model_validate(yaml.safe_load(block_with("pipeline:"))).every == "PT15M"


def test_the_rules_of_the_docs_are_rules() -> None:
    assert len(RuleFile.model_validate(yaml.safe_load(block_with("rules:"))).rules) == 4


_MODELS = (
    SiteFile,
    Recording,
    Equipment,
    Signal,
    Clock,
    ModbusOptions,
    SerialLine,
    OpcuaOptions,
    OpcuaSecurity,
    Deadband,
    WriteRule,
    Interlock,
)


def test_the_rule_of_writing_of_the_docs_is_one() -> None:
    rule = WriteRule.model_validate(yaml.safe_load(block_with("write:"))["write"])
    assert rule.interlocks[0].text == "mode = 1"


def test_the_docs_name_every_key() -> None:
    for model in _MODELS:
        missing = [name for name in model.model_fields if f"`{name}" not in _PAGE and name not in _PAGE]
        assert missing == []


def test_the_docs_name_the_bits_of_a_hole() -> None:
    assert f"0x{HOLE_FLOAT32_BITS:X}" in _PAGE
