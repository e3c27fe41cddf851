"""The dbt project is found in both places it may lie, and its manifest follows its files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import TerminalError
from orchestration import dbt_project


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project where a wheel keeps it, and nothing where the source tree does."""
    folder = tmp_path / "orchestration" / "dbt_project"
    shutil.copytree(dbt_project.project_dir(), folder, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(dbt_project, "_PLACES", (tmp_path / "dbt", folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def test_in_the_source_tree_it_is_the_folder_dbt() -> None:
    assert dbt_project.project_dir() == Path(__file__).resolve().parents[2] / "dbt"


def test_in_a_wheel_it_is_found_inside_orchestration(copied: Path) -> None:
    assert dbt_project.project_dir() == copied


def test_a_missing_project_names_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_project, "_PLACES", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(TerminalError, match="the dbt project is missing") as raised:
        dbt_project.project_dir()
    assert str(tmp_path / "a") in str(raised.value)
    assert str(tmp_path / "b") in str(raised.value)


def test_the_manifest_is_parsed_once_and_again_when_a_file_changed(copied: Path) -> None:
    first = dbt_project.manifest()
    written = first.stat().st_mtime_ns
    assert dbt_project.manifest() == first
    assert first.stat().st_mtime_ns == written
    model = copied / "models" / "staging" / "stg_health_daily.sql"
    model.rename(model.with_name("stg_health_by_day.sql"))
    for file in (copied / "models").rglob("*.*"):
        file.write_text(file.read_text().replace("stg_health_daily", "stg_health_by_day"))
    second = dbt_project.manifest()
    assert not (copied / "target").exists()
    assert second != first
    assert "model.goldlayer_marts.stg_health_by_day" in json.loads(second.read_text())["nodes"]


def test_a_project_that_cannot_be_parsed_leaves_no_manifest(copied: Path) -> None:
    (copied / "models" / "mart" / "fault_history.sql").write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(TerminalError, match="cannot be parsed"):
        dbt_project.manifest()
    assert list(Path.home().rglob("manifest.json")) == []


def test_a_home_that_cannot_be_written_is_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    with pytest.raises(TerminalError, match="no place") as raised:
        dbt_project.manifest()
    assert "/dev/null/.cache/goldlayer/marts" in str(raised.value)


def test_no_python_lies_in_the_project_and_no_folder_hides_one_of_dbts() -> None:
    """A package named `dbt` in our tree would hide dbt-core, which extends its own path over every such folder."""
    folder = dbt_project.project_dir()
    assert [path for path in folder.rglob("*.py") if "target" not in path.parts] == []
    from importlib.util import find_spec

    spec = find_spec("dbt.version")
    assert spec is not None
    assert spec.origin is not None
    assert folder not in Path(spec.origin).parents


def test_every_column_is_described_every_mart_keeps_its_contract_and_every_source_has_an_age() -> None:
    found = json.loads(dbt_project.manifest().read_text(encoding="utf-8"))
    models = [node for node in found["nodes"].values() if node["resource_type"] == "model"]
    assert {node["schema"] for node in models} == {"staging", "mart"}
    for node in (*models, *found["sources"].values()):
        assert node["description"], node["name"]
        assert all(column["description"] for column in node["columns"].values()), node["name"]
    assert all(node["config"]["contract"]["enforced"] for node in models if node["schema"] == "mart")
    for source in found["sources"].values():
        assert source["freshness"]["warn_after"] == {"count": 1, "period": "day"}
        assert source["freshness"]["error_after"] == {"count": 2, "period": "day"}
        assert source["loaded_at_query"]
