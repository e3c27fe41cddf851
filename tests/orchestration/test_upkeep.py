"""Upkeep as Dagster runs it: every tenant's tables, on a real installation, and a run that says what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from core.audit import Actor
from core.connector import connector_for
from core.db import Database
from core.tenancy import Tenancy
from core.tenancy.stores import database_of, role_of
from orchestration.upkeep import UPKEEP, TenantUpkeep, daily, told, upkeep_job

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
PARTS: dict[str, Any] = {"seen": {"columns": {"at": {"type": "timestamp"}}, "partition_by": "at"}}


def _in_tenancy(prepared: Installation, work: Any) -> Any:
    async def opened() -> Any:
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            return await work(tenancy)

    coroutine: Coroutine[Any, Any, Any] = opened()
    return asyncio.run(coroutine)


@pytest.fixture
def tenants(prepared: Installation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")

    async def make(tenancy: Tenancy) -> list[str]:
        made = [await tenancy.create(f"upkeep-{name}", name, actor=Actor.command("test")) for name in ("one", "two")]
        for scope in made:
            data = await connector_for(tenancy, scope, schema="upkeep_desk")
            await data.provision_tables(PARTS)
            await data.insert("seen", {"at": "2041-01-01T00:00:00Z"})
        return [scope.slug for scope in made]

    return _in_tenancy(prepared, make)


def _run(prepared: Installation) -> dg.ExecuteInProcessResult:
    found = {UPKEEP: TenantUpkeep(run=str(prepared.run.path))}
    with dg.DagsterInstance.ephemeral() as instance:
        return upkeep_job.execute_in_process(resources=found, instance=instance, raise_on_error=False)


def _owned_by(prepared: Installation, slug: str, theirs: bool) -> None:
    """Take a table away from its tenant, or give it back."""

    async def change(tenancy: Tenancy) -> None:
        scope = await tenancy.get(slug)
        owner = role_of(scope) if theirs else "current_user"
        async with await Database.open(prepared.postgres.dsn(database_of(scope))) as superuser:
            await superuser.execute(f"alter table upkeep_desk.seen owner to {owner}")

    _in_tenancy(prepared, change)


def test_a_day_s_run_looks_after_every_tenant_and_names_the_one_it_could_not(
    prepared: Installation, tenants: list[str], capsys: pytest.CaptureFixture[str]
):
    one, two = tenants
    _owned_by(prepared, two, theirs=False)
    try:
        failed = _run(prepared)
    finally:
        _owned_by(prepared, two, theirs=True)
    said = "".join(capsys.readouterr())
    again = _run(prepared)
    idle = _run(prepared)

    assert not failed.success and again.success and idle.success
    (failure,) = [event for event in failed.all_events if event.is_step_failure]
    description = str(failure.event_specific_data.user_failure_data.description)
    assert two in description and one not in description
    assert "tables are not looked after" in said and two in said
    assert f"| {two} | upkeep_desk | 1 made, 1 rows moved |" in _shown(again)
    assert f"| {one} | upkeep_desk |" not in _shown(again)
    assert "upkeep_desk" not in _shown(idle)


def _shown(result: dg.ExecuteInProcessResult) -> str:
    (handled,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return str(handled.step_output_data.metadata["outcomes"].value)


def test_it_runs_every_day_without_being_switched_on():
    assert daily.default_status is dg.DefaultScheduleStatus.RUNNING
    assert daily.job_name == UPKEEP
    assert told([]) == {"outcomes": dg.MetadataValue.md("nothing to make and nothing to drop"), "failed": 0}
