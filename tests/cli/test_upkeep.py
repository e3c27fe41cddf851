"""`platform modules migrate` and `platform tenants maintain` on a real installation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from core.audit import Actor
from core.connector import connector_for
from core.sdk.loader import builtin_modules
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("upkeep")]
NEWEST = {module.manifest.module_code: module.manifest for module in builtin_modules()}["SCADA_MONITOR"]
PARTS: dict[str, Any] = {"seen": {"columns": {"at": {"type": "timestamp"}}, "partition_by": "at"}}


@pytest.fixture(scope="module")
def provisioned(prepared: Installation) -> Installation:
    """Two tenants with tables of other versions than the module's."""

    async def prepare() -> None:
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            for slug, version in (("cli-old", "0.0.1"), ("cli-ahead", "99.0.0")):
                scope = await tenancy.create(slug, slug, actor=Actor.command("test"))
                data = await connector_for(tenancy, scope, schema=NEWEST.schema_name)
                await data.provision_tables(NEWEST.data_tables, version=version)
                parts = await connector_for(tenancy, scope, schema="cli_parts")
                await parts.provision_tables(PARTS)
                await parts.insert("seen", {"at": "2041-01-01T00:00:00Z"})

    asyncio.run(prepare())
    return prepared


@pytest.fixture
def run(provisioned: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    return str(provisioned.run.path)


def test_tenants_are_migrated_and_those_that_failed_are_named(run: str, capsys: pytest.CaptureFixture[str]):
    arguments = ["modules", "migrate", "--module", "SCADA_MONITOR", "--run", run]

    assert main(arguments) == 1
    said = capsys.readouterr()
    assert f"cli-old  scada_monitor  0.0.1 to {NEWEST.module_version}, 0 steps" in said.out
    assert "failed: cli-ahead scada_monitor: scada_monitor: the tables are newer than the module" in said.err
    assert "1 tenants failed" in said.err

    assert main([*arguments, "--tenant", "cli-old"]) == 0
    assert "all tables are at their modules' versions" in capsys.readouterr().out


def test_partitions_are_maintained_for_one_tenant_or_all(run: str, capsys: pytest.CaptureFixture[str]):
    assert main(["tenants", "maintain", "cli-old", "--run", run]) == 0
    one = capsys.readouterr().out
    assert main(["tenants", "maintain", "--run", run]) == 0
    rest = capsys.readouterr().out
    assert main(["tenants", "maintain", "cli-old", "--run", run]) == 0
    idle = capsys.readouterr().out

    assert "cli-old  cli_parts  1 made, 1 rows moved" in one
    assert "cli-ahead" in rest
    assert "nothing to make and nothing to drop" in idle


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["modules", "migrate", "--module", "NOTHING"], "expected FLEET_RELIABILITY, SCADA_MONITOR"),
        (["modules", "migrate", "--tenant", "nobody-co"], "no such tenant"),
        (["tenants", "maintain", "nobody-co"], "no such tenant"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str):
    assert main([*arguments, "--run", run]) != 0

    assert said in capsys.readouterr().err
