"""docs/tenants.md, typed line by line: a tenant from its first day to another installation."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tenants.md"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GOLDLAYER_POSTGRES__DURABLE": "false"}


def lines() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


@pytest.fixture
def places(run_settings: Settings) -> Iterator[dict[str, Path]]:
    """Where the page's places lie here; PostgreSQL of the first installation is up."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-"))
    folder.chmod(0o711)
    for name in ("here", "backup", "elsewhere"):
        (folder / name).mkdir(mode=0o711)
    (folder / "erp-password.txt").write_text("a secret of theirs\n")
    run = RunFolder.open(folder / "here" / "run", run_settings)
    with Postgres(run, run_settings).running():
        yield {
            "/backup": folder / "backup",
            "/elsewhere": folder / "elsewhere",
            "/other": folder / "other",
            "run": run.path,
        }
    shutil.rmtree(folder, ignore_errors=True)


def here(line: str, places: dict[str, Path]) -> tuple[list[str], str]:
    """A line of the page as words and what it reads from a file."""
    words = shlex.split(line)
    typed = ""
    if "<" in words:
        typed = (places["/backup"].parent / words[-1]).read_text()
        words = words[: words.index("<")]
    for name, folder in places.items():
        words = [word.replace(name, str(folder), 1) if word.startswith(f"{name}/") else word for word in words]
    if "--run" not in words:
        words += ["--run", str(places["run"])]
    return words, typed


@pytest.mark.long
def test_the_page_is_true(places: dict[str, Path]):
    said: dict[str, str] = {}
    for line in lines():
        words, typed = here(line, places)
        done = subprocess.run(
            [str(ROOT / ".venv" / "bin" / "platform"), *words[1:]],
            input=typed, text=True, capture_output=True, check=False, env=ENVIRONMENT,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "a secret of theirs" not in done.stdout + done.stderr
        said[" ".join(line.split()[1:3])] = done.stdout + done.stderr
    assert "t_acme_works" in said["tenants inspect"]
    assert "acme-works" in said["tenants import"]
