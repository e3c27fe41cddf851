"""What was parsed once, as of a tenant's database, is what dbt itself parses with that database's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.serving.parsed import parsed_for
from orchestration.dbt_project import manifest, project_dir

NAME = "t_waterworks"


def test_it_equals_a_parse_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.cli.main import dbtRunner

    monkeypatch.setenv("TENANT_DB_NAME", NAME)
    folders = ["--project-dir", str(project_dir()), "--profiles-dir", str(project_dir())]
    folders += ["--target-path", str(tmp_path), "--log-path", str(tmp_path / "logs")]
    assert dbtRunner().invoke(["--quiet", "--log-level-file", "none", "parse", *folders]).success
    told = json.loads((tmp_path / "manifest.json").read_text())
    expected = {
        key: (one["database"], one["relation_name"]) for key, one in {**told["nodes"], **told["sources"]}.items()
    }
    found = parsed_for(manifest().parent, NAME)
    held = {key: (one.database, one.relation_name) for key, one in {**found.nodes, **found.sources}.items()}
    assert held == expected
    assert {database for database, _ in held.values()} == {NAME}
    assert found.child_map == told["child_map"]
