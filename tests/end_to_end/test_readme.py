"""Every command that README and docs show is run, or, for those that run all tests or benchmarks, at least exists."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CLAUDE.md", *sorted((ROOT / "docs").glob("*.md"))]
WALKED = {
    "lake.md": "cli/test_lake.py",
    "sign-in.md": "cli/test_providers.py",
    "tenants.md": "cli/test_tenants_page.py",
}
"""Pages whose commands need an installation of their own, and the test that types them."""
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands() -> list[str]:
    found = []
    for page in (one for one in PAGES if one.name not in WALKED):
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            found += [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return list(dict.fromkeys(found))


def inline() -> set[str]:
    text = "\n".join(page.read_text() for page in PAGES)
    return set(re.findall(r"`make ([a-z]+)", text))


def test_the_pages_show_commands():
    assert len(commands()) >= 8


def test_every_make_target_exists():
    shown = {shlex.split(one)[1] for one in commands() if one.startswith("make ")} | inline()
    assert shown
    assert shown <= TARGETS


@pytest.mark.end_to_end
@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize("command", [one for one in commands() if one.startswith(".venv/bin/platform ")])
def test_the_command_works_after_the_demo(command: str, demo, road):
    words = shlex.split(command)
    place = [] if words[1] in ("contract", "bridge", "plant") else ["--run", demo.run]
    ran = road.run(road.platform, *words[1:], *place)
    assert ran.code == 0, ran.output
    assert len(ran.output.splitlines()) > 1


@pytest.mark.parametrize(("page", "test"), WALKED.items())
def test_the_other_pages_are_walked_elsewhere(page: str, test: str):
    assert page in (ROOT / "tests" / test).read_text()


def test_nothing_else_is_shown():
    known = (".venv/bin/platform ", "make ", "pip install '.[bridge]'", "platform bridge --help")
    assert [one for one in commands() if not one.startswith(known)] == []
