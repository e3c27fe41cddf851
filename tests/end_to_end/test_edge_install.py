"""The bridge installs alone: an empty environment with the edge's packages, and none of the platform's."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("edge")]
HEAVY = ["dagster", "dbt", "torch", "fastapi", "polars", "deltalake", "asyncpg", "great_expectations", "kafka"]


@pytest.fixture(scope="module")
def edge(road, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as `pip install '.[bridge]'` makes it; uv only makes it quick."""
    folder = tmp_path_factory.mktemp("edge") / "venv"
    uv = road.root / ".venv" / "bin" / "uv"
    made = road.run(uv, "venv", "--quiet", folder)
    assert made.code == 0, made.output
    installed = subprocess.run(
        [uv, "pip", "install", "--quiet", f"{road.root}[bridge]"],
        env={**os.environ, "VIRTUAL_ENV": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    return folder / "bin"


def test_its_commands_work(edge: Path, road, tmp_path: Path):
    for words in (["--help"], ["bridge", "--help"], ["bridge", "run", "--help"], ["contract", "--help"]):
        ran = road.run(edge / "platform", *words, cwd=tmp_path)
        assert ran.code == 0, ran.output


def test_nothing_of_the_platform_is_there(edge: Path, road, tmp_path: Path):
    probe = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    ran = road.run(edge / "python", "-c", probe, *HEAVY, cwd=tmp_path)
    assert ran.output.strip() == "[]"


def test_a_platform_command_names_the_missing_extra(edge: Path, road, tmp_path: Path):
    ran = road.run(edge / "platform", "tenants", "list", cwd=tmp_path)
    assert ran.code == 2
    assert "goldlayer[platform]" in ran.output
    assert len(ran.output.strip().splitlines()) == 1


def test_the_dbt_project_lies_inside_the_wheel_and_never_on_top(edge: Path, road, tmp_path: Path):
    probe = "import orchestration, pathlib; f = pathlib.Path(orchestration.__file__).parent; print(f)"
    folder = Path(road.run(edge / "python", "-c", probe, cwd=tmp_path).output.strip())
    assert (folder / "dbt_project" / "dbt_project.yml").exists()
    assert not (folder.parent / "dbt").exists()
    assert list(folder.parent.glob("core/**/*.sql"))
