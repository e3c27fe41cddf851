from pathlib import Path

import pytest

from cli.sites import PACKAGED, find_sites
from core.errors import InputError

SITE = """
tenant: newcomer-co
site: {site}
protocol: opcua
recording:
  path: recording.csv
  timestamp: {{column: datetime, format: "%Y-%m-%d %H:%M:%S"}}
equipment:
  - id: pump-1
    type: pump
    signals: [{{name: flow, unit: l/min}}]
"""


def test_the_packaged_sites_fit_their_contracts(tmp_path: Path):
    found = find_sites(PACKAGED, tmp_path)
    assert {one.site.protocol for one in found.sites} == {"opcua", "modbus"}
    assert len({one.site.tenant for one in found.sites}) == 2
    assert found.notes == []


def test_a_missing_contract_is_written_and_told(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(SITE.format(site="test-loop"))
    found = find_sites(tmp_path, tmp_path / "run")
    assert found.sites[0].contract_file == tmp_path / "test-loop.contract.yaml"
    assert found.sites[0].contract.outgoing("pump") == {"flow"}
    assert "forwards every signal" in found.notes[0]
    assert not found.sites[0].contract_file.exists()
    found.write_contracts()
    assert find_sites(tmp_path, tmp_path / "run").notes == []


def test_a_contract_that_is_named_must_exist(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(SITE.format(site="test-loop") + "contract: other.yaml\n")
    with pytest.raises(InputError, match="does not exist"):
        find_sites(tmp_path, tmp_path / "run")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.yaml"]


def test_two_files_of_one_site_are_refused(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(SITE.format(site="test-loop"))
    with pytest.raises(InputError, match="two files describe site"):
        find_sites(tmp_path, tmp_path / "run")


def test_one_broken_site_creates_nothing(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(SITE.format(site="test-loop"))
    (tmp_path / "b.yaml").write_text("tenant: [")
    with pytest.raises(InputError):
        find_sites(tmp_path, tmp_path / "run")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.yaml", "b.yaml"]
