from __future__ import annotations

import re
from pathlib import Path

from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.site import Equipment, Recording, Signal, SiteFile, load_site
from examples.plant.recording import read_recording

_PAGE = (Path(__file__).parents[2] / "docs" / "sites.md").read_text(encoding="utf-8")


def test_the_smallest_site_of_the_docs_works_as_it_stands(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)
    (tmp_path / "site.yaml").write_text(block)
    (tmp_path / "recording.csv").write_text("datetime;Volume Flow RateRMS;Current\n2020-03-09 10:14:33;32;1.5\n")
    site, warnings = load_site(tmp_path / "site.yaml")
    assert warnings == []
    assert read_recording(site, tmp_path).readings == 2


def test_the_docs_name_every_key() -> None:
    for model in (SiteFile, Recording, Equipment, Signal):
        missing = [name for name in model.model_fields if f"`{name}" not in _PAGE and name not in _PAGE]
        assert missing == []


def test_the_docs_name_the_bits_of_a_hole() -> None:
    assert f"0x{HOLE_FLOAT32_BITS:X}" in _PAGE
