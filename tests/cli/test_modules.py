"""`platform modules` on a real installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.main import main

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_TENANT = "modules-cli"


@pytest.fixture
def at(prepared: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    path = str(prepared.run.path)
    assert main(["tenants", "create", "--slug", _TENANT, "--name", "Modules", "--run", path]) == 0
    capsys.readouterr()
    return ["--tenant", _TENANT, "--run", path]


def test_a_new_tenant_has_what_comes_with_the_product_and_leaves_and_returns(
    at: list[str], capsys: pytest.CaptureFixture[str]
):
    def listed() -> dict[str, str]:
        assert main(["modules", "list", *at]) == 0
        return {line.split()[0]: " ".join(line.split()[4:]) for line in capsys.readouterr().out.splitlines()}

    assert [state.split()[0] for state in listed().values()] == ["active", "active"]
    assert main(["modules", "unsubscribe", "SCADA_MONITOR", *at]) == 0
    assert listed()["SCADA_MONITOR"].startswith("archived since")
    assert main(["tenants", "create", "--slug", _TENANT, "--name", "Modules", *at[2:]]) == 0
    assert main(["modules", "subscribe", "SCADA_MONITOR", *at]) == 0
    assert main(["modules", "subscribe", "SCADA_MONITOR", *at]) == 0
    assert main(["modules", "history", "--limit", "2", *at]) == 0
    told = capsys.readouterr().out

    assert f"{_TENANT} has SCADA_MONITOR already" in told
    events = [line.split()[3] for line in told.splitlines() if "command:modules" in line]
    assert events == ["subscribed", "unsubscribed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["subscribe", "NO_SUCH"], "no such module"), (["unsubscribe", "NO_SUCH"], "no such module")],
)
def test_what_cannot_be_done_is_one_line(
    at: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    assert main(["modules", *arguments, *at]) == 1

    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and said in error[0] and "SCADA_MONITOR" in error[0]
