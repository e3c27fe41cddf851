from __future__ import annotations

import re
from pathlib import Path

from bridge.drivers import driver_for
from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.device import ModbusOptions, SerialLine
from core.contracts.site import Clock, Equipment, Recording, Signal, SiteFile, load_site
from examples.plant.recording import read_recording

_PAGE = (Path(__file__).parents[2] / "docs" / "sites.md").read_text(encoding="utf-8")
_BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)


def test_the_smallest_site_of_the_docs_works_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(_BLOCKS[0])
    (tmp_path / "recording.csv").write_text("datetime;Volume Flow RateRMS;Current\n2020-03-09 10:14:33;32;1.5\n")
    site, warnings = load_site(tmp_path / "site.yaml")
    assert warnings == []
    assert read_recording(site, tmp_path).readings == 2


def test_every_other_site_of_the_docs_has_a_driver(tmp_path: Path) -> None:
    for block in _BLOCKS[1:]:
        protocol = "modbus" if "modbus:" in block else "opcua"
        path = tmp_path / f"{protocol}.yaml"
        path.write_text(f"tenant: newcomer-co\nsite: test-loop\nprotocol: {protocol}\n{block}")
        site, _ = load_site(path)
        driver_for(site)


def test_the_docs_name_every_key() -> None:
    for model in (SiteFile, Recording, Equipment, Signal, Clock, ModbusOptions, SerialLine):
        missing = [name for name in model.model_fields if f"`{name}" not in _PAGE and name not in _PAGE]
        assert missing == []


def test_the_docs_name_the_bits_of_a_hole() -> None:
    assert f"0x{HOLE_FLOAT32_BITS:X}" in _PAGE
