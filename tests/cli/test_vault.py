"""`platform vault` on a real installation; and where a planted value is looked for after a run that failed."""

from __future__ import annotations

import asyncio
import io
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from cli.main import main
from core.audit import Actor
from core.db import Database
from core.sdk.context import ToolContext
from core.sdk.pipeline.stack import call_tool
from core.sdk.result import ToolResult
from core.sdk.testing import tool_context
from core.sdk.tool import platform_tool
from core.tenancy import Tenancy
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_TENANT = "vault-cli"


@pytest.fixture
def run(prepared: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    path = str(prepared.run.path)
    assert main(["tenants", "create", "--slug", _TENANT, "--name", "Vault", "--run", path]) == 0
    return path


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    """A value nothing else could contain, on standard input."""
    value = f"planted-{secrets.token_hex(12)}"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{value}\n"))
    return value


@pytest.fixture
def talkative(prepared: Installation) -> Iterator[Path]:
    """PostgreSQL's log while it writes every statement with its values."""
    settings = ("log_statement = 'all'", "log_parameter_max_length = -1", "log_parameter_max_length_on_error = -1")

    async def each(verb: str) -> None:
        async with await Database.open(prepared.postgres.dsn("postgres"), max_size=1) as superuser:
            for setting in settings:
                name = setting.split()[0]
                await superuser.execute(f"alter system {verb} {setting if verb == 'set' else name}")
            await superuser.execute("select pg_reload_conf()")

    asyncio.run(each("set"))
    yield prepared.run.logs / "postgres.log"
    asyncio.run(each("reset"))


def test_a_value_goes_in_and_is_listed_rotated_purged_and_accounted_for(
    run: str, planted: str, capsys: pytest.CaptureFixture[str]
):
    at = ["--tenant", _TENANT, "--run", run]
    for arguments in (
        ["put", "erp/password", *at],
        ["rotate", *at],
        ["rotate", "--master", "--run", run],
        ["list", *at],
        ["access", *at],
        ["purge", "erp/password", "--keep", "0", *at],
    ):
        assert main(["vault", *arguments]) == 0
    told = capsys.readouterr()

    assert "erp/password is kept, version 1" in told.out
    assert "1 values of vault-cli are sealed under a new key" in told.out
    assert "1 readable" in told.out and "set by command" in told.out
    assert "1 versions of erp/password are destroyed" in told.out
    assert planted not in told.out + told.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["put", "a b", "--tenant", _TENANT], "not a name for a secret"),
        (["put", "a", "--tenant", "nobody-co"], "no such tenant"),
        (["rotate"], "name one key"),
        (["rotate", "--master", "--tenant", _TENANT], "name one key"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: str, planted: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    capsys.readouterr()
    assert main(["vault", *arguments, "--run", run]) != 0

    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and said in error[0]


def test_a_failing_run_writes_the_value_nowhere(
    run: str,
    planted: str,
    talkative: Path,
    prepared: Installation,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    at = ["--tenant", _TENANT, "--run", run]
    assert main(["vault", "put", "leak/test", *at]) == 0

    asyncio.run(_read_and_fail(prepared))
    asyncio.run(_tamper(prepared))
    assert main(["vault", "rotate", *at]) == 1
    with mock.patch("core.vault.tenant.seal", side_effect=RuntimeError("the disk is on fire")):
        for debug in ([], ["--debug"]):
            monkeypatch.setattr("sys.stdin", io.StringIO(planted))
            assert main([*debug, "vault", "put", "leak/test", *at]) == 1
    assert main(["vault", "purge", "leak/test", "--keep", "0", *at]) == 0

    written = capfd.readouterr()
    # The search is no search if nothing was written: each place shows that the secret was dealt with there.
    assert "leak/test" in talkative.read_text(errors="replace") and "leak/test" in asyncio.run(_audited(prepared))
    assert "tool failed" in written.err and "goldlayer-error-" in written.err
    assert planted not in written.out + written.err + asyncio.run(_audited(prepared))
    files = [file for root in (prepared.run.path, tmp_path) for file in root.rglob("*") if file.is_file()]
    assert len(files) > 100 and talkative in files and any("goldlayer-error-" in file.name for file in files)
    assert [file for file in files if planted.encode() in file.read_bytes()] == []


async def _read_and_fail(prepared: Installation) -> None:
    """A tool that reads the value and then fails with it in its hands."""
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
        vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
        mine = vault.of(await tenancy.get(_TENANT), Actor.command("test"))

        @platform_tool(module_code="M", permission_code="M.READ", risk_level="safe", summary_instructions="Fails.")
        async def connects(context: ToolContext) -> ToolResult:
            """Read a password and fail."""
            password = await mine.get("leak/test", purpose="connect")
            raise RuntimeError(f"cannot connect with {password} as {context.tenant.slug}")

        outcome = await call_tool(connects, {}, tool_context(permissions=["M.READ"], subscriptions=["M"]))
        assert not outcome.ok


async def _tamper(prepared: Installation) -> None:
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("update vault_secrets set sealed = reverse(sealed) where name = 'leak/test'")


async def _audited(prepared: Installation) -> str:
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        return str(await superuser.fetch("select * from audit_log"))
