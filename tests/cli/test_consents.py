"""`platform tenants consent` and `platform lake fleet`: six tenants with machines of one type."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cli.main import main
from core.audit import Actor
from core.tenancy import Purpose, Tenancy
from lake.store import Lake
from lake.tables import fleet, gold
from orchestration.fleet import FLEET, FleetTables, fleet_job
from tests.assets.fleet.test_deliver import SIX, kpis

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
ACTOR = Actor.command("test")
TYPE = "consenting_press"


@pytest.fixture
def run(prepared: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    monkeypatch.setenv("GOLDLAYER_LAKE__ROOT", str(tmp_path / "lake"))

    async def six() -> None:
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            for slug in SIX:
                scope = await tenancy.create(slug, slug, actor=ACTOR)
                await tenancy.consents.grant(scope, Purpose.FLEET, actor=ACTOR)

    asyncio.run(six())
    for n, slug in enumerate(SIX):
        Lake(str(tmp_path / "lake")).tenant(slug).replace_all(gold.KPI_DAILY, kpis(slug, [50.0 + n], TYPE).to_arrow())
    return str(prepared.run.path)


def test_one_withdrawal_leaves_aggregates_over_five_and_the_second_empties_them(
    run: str, tmp_path: Path, prepared: Installation, capsys: pytest.CaptureFixture[str]
):
    def said(*arguments: str) -> str:
        assert main([*arguments, "--run", run]) == 0
        return "".join(capsys.readouterr())

    def asked(slug: str) -> list[dict[str, Any]]:
        sql = f"select tenants, mean from gold.fleet_kpi_daily where equipment_type = '{TYPE}'"
        assert main(["lake", "query", sql, "--tenant", slug, "--json", "--run", run]) == 0
        return json.loads(capsys.readouterr().out)["rows"]

    assert (
        said("tenants", "consent", SIX[0], "grant", "--purpose", "fleet").strip()
        == f"{SIX[0]} agrees to fleet, as before"
    )
    said("lake", "fleet")
    assert asked(SIX[5]) == [{"tenants": 6, "mean": 52.5}]

    assert "next run" in said("tenants", "consent", SIX[0], "withdraw")
    assert "agreed to nothing" in said("tenants", "consent", SIX[0], "list")
    assert f"taken back from {SIX[0]}" in said("lake", "fleet")
    assert asked(SIX[5]) == [{"tenants": 5, "mean": 53.0}]
    assert asked(SIX[0]) == []

    said("tenants", "consent", SIX[1], "withdraw")
    with dg.DagsterInstance.ephemeral() as instance:
        found = {FLEET: FleetTables(run=run)}
        assert fleet_job.execute_in_process(resources=found, instance=instance).success
        assert instance.get_latest_materialization_event(dg.AssetKey(["gold", "fleet_kpi_daily"])) is not None
    lake = Lake(str(tmp_path / "lake"))
    assert all(lake.tenant(slug).count(fleet.FLEET_KPI_DAILY) == 0 for slug in SIX)
    assert asyncio.run(_recorded(prepared, SIX[0])) == ["tenant.withdraw_consent", "tenant.grant_consent"]


async def _recorded(prepared: Installation, slug: str) -> list[str]:
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
        newest = await tenancy.audit.newest(await tenancy.get(slug))
        return [record.action for record in newest if "consent" in record.action]


def test_a_purpose_nobody_asks_for_is_refused(prepared: Installation, capsys: pytest.CaptureFixture[str]):
    assert main(["tenants", "consent", "nobody-co", "grant", "--purpose", "ads", "--run", str(prepared.run.path)]) != 0
    assert "nobody asks for this consent" in capsys.readouterr().err
