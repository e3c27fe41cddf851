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


def test_a_setting_is_shown_chosen_and_given_up(at: list[str], capsys: pytest.CaptureFixture[str]):
    key = ["SCADA_MONITOR", "listed_rows"]

    def shown() -> str:
        assert main(["modules", "settings", "show", "SCADA_MONITOR", *at]) == 0
        return " ".join(capsys.readouterr().out.split())

    assert shown() == "listed_rows 200 manifest integer from 10 to 2000"
    assert main(["modules", "settings", "set", *key, "50", *at]) == 0
    assert "listed_rows 50 tenant" in shown()
    assert main(["modules", "settings", "decide", *key, "100", "--lock", *at[2:]]) == 0
    assert "listed_rows 100 platform" in (locked := shown())
    assert locked.endswith("locked; the tenant's own choice does not count: the platform has locked it")
    assert main(["modules", "settings", "decide", *key, "200", "--unlock", *at[2:]]) == 0
    assert main(["modules", "settings", "unset", *key, *at]) == 0
    assert "listed_rows 200 platform" in shown()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "SCADA_MONITOR", "listed_rows", "9"], "10 or more is expected"),
        (["set", "SCADA_MONITOR", "listed_rows", "many"], "a whole number is expected"),
        (["set", "SCADA_MONITOR", "listed_rows"], "a value is missing"),
        (["set", "SCADA_MONITOR", "listed_row", "20"], "expected listed_rows"),
        (["set", "NO_SUCH", "listed_rows", "20"], "expected FLEET_RELIABILITY, SCADA_MONITOR"),
        (["show", "NO_SUCH"], "no such module"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_line(
    at: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    assert main(["modules", "settings", *arguments, *at]) != 0

    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and said in error[0]
