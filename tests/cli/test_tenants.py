"""`platform tenants` on a real installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.main import main

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration


@pytest.fixture
def run(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    return str(installation.run.path)


def test_a_tenant_is_made_listed_and_inspected(run: str, capsys: pytest.CaptureFixture[str]):
    assert main(["tenants", "create", "--slug", "cli-made", "--name", "Made by command", "--run", run]) == 0
    assert main(["tenants", "create", "--slug", "cli-made", "--name", "Made by command", "--run", run]) == 0
    capsys.readouterr()

    assert main(["tenants", "list", "--run", run]) == 0
    listed = capsys.readouterr().out
    assert main(["tenants", "inspect", "cli-made", "--run", run]) == 0
    told = capsys.readouterr().out

    assert [line.split()[:3] for line in listed.splitlines() if line.startswith("cli-made")] == [
        ["cli-made", "active", "0"]
    ]
    assert "t_cli_made" in told
    assert "5 records, intact" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "--slug", "Not A Slug", "--name", "x"], "not a tenant's slug"),
        (["inspect", "nobody-co"], "no such tenant"),
        (["suspend", "nobody-co"], "no such tenant"),
        (["domains", "nobody-co", "add"], "takes a domain"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str):
    assert main(["tenants", *arguments, "--run", run]) != 0

    error = capsys.readouterr().err.splitlines()
    assert [line for line in error if line.startswith("error:")] == error
    assert said in error[0]


def test_a_tenant_is_suspended_resumed_and_looked_into(run: str, capsys: pytest.CaptureFixture[str]):
    def said(*arguments: str) -> str:
        assert main(["tenants", *arguments, "--run", run]) == 0
        return capsys.readouterr().out

    said("create", "--slug", "cli-life", "--name", "Life")
    assert said("suspend", "cli-life") == "tenant cli-life is suspended\n"
    assert "cli-life suspended 0" in " ".join(said("list").split())
    assert said("resume", "cli-life") == "tenant cli-life is active\n"
    assert said("domains", "cli-life", "list") == "no domain leads to tenant cli-life\n"
    assert said("domains", "cli-life", "add", "Cli-Life.example") == "cli-life.example leads to tenant cli-life\n"
    assert said("domains", "cli-life", "list") == "cli-life.example\n"
    assert said("domains", "cli-life", "remove", "cli-life.example") == "cli-life.example leads nowhere\n"
    told = said("datastore", "cli-life")
    assert ("t_cli_life" in told, "schema kpi" in told) == (True, True)


def test_looking_makes_no_installation(reachable: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tenants", "list", "--run", str(reachable / "none")]) == 2

    assert not (reachable / "none").exists()
    assert "no installation here" in capsys.readouterr().err
