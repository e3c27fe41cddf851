"""The folder list is the architecture: what stands on disk, what is declared and what is checked are the same."""

import importlib.metadata
import importlib.util
import itertools
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
OUTSIDE = {"tests", "bench", "dbt", "docs"}


def folders() -> set[str]:
    return {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name != "test-results"}


def test_every_folder_is_a_room_or_known():
    assert folders() == ROOMS | OUTSIDE


def test_import_contracts_cover_every_room():
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == ROOMS


def test_type_checker_covers_every_room():
    assert set(PROJECT["tool"]["pyright"]["include"]) == ROOMS | {"bench"}


def test_room_names_collide_with_no_installed_package():
    owners = importlib.metadata.packages_distributions()
    taken = {room: owners[room] for room in ROOMS if set(owners.get(room, ())) - {"goldlayer"}}
    assert taken == {}


def test_dbt_folder_never_hides_the_dbt_package():
    assert list((ROOT / "dbt").rglob("*.py")) == []
    assert importlib.util.find_spec("dbt.version") is not None


def test_nothing_is_called_platform():
    ours = [p for room in ROOMS for p in (ROOT / room).rglob("*") if p.stem == "platform"]
    assert ours == []


def test_files_stay_small():
    long = {
        str(path.relative_to(ROOT)): lines
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 500
    }
    assert long == {}


def test_lock_names_packages_and_versions_only():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert lines
    assert [line for line in lines if "==" not in line] == []
    assert [line for line in lines if "://" in line or line.startswith(("nvidia-", "cuda-", "triton"))] == []


def test_migrations_stand_in_one_row():
    folder = ROOT / "core" / "db" / "migrations" / "versions"
    declared = [
        (path.name[:4], *re.findall(r'^(?:down_)?revision = "?(\w+)"?$', path.read_text(), re.MULTILINE))
        for path in sorted(folder.glob("[0-9]*.py"))
    ]
    row = ["None", *(number for number, *_ in declared)]
    assert declared == [(number, number, before) for before, number in itertools.pairwise(row)]
    assert row[1:] == [f"{number:04}" for number in range(1, len(row))]
    assert f'HEAD = "{row[-1]}"' in (ROOT / "core" / "db" / "migrate.py").read_text()
