"""Many tenants' tables at once."""

from __future__ import annotations

from typing import Any

import pytest

from core.audit import Actor
from core.connector import connector_for
from core.connector.fleet import Outcome, maintain_tenants, migrate_tenants
from core.connector.tables.declaration import read_tables
from core.connector.tables.migrations import read_migrations
from core.connector.tables.module import ModuleTables
from core.db import TenantScope
from core.tenancy import Tenancy

pytestmark = pytest.mark.integration
ACTOR = Actor.command("test")
OLD: dict[str, Any] = {"jobs": {"columns": {"a": {"type": "string"}}}}
NEW: dict[str, Any] = {"jobs": {"columns": {"a": {"type": "string"}, "b": {"type": "integer"}}}}
ADD = {"action": "add_column", "table": "jobs", "column": "b", "type": "integer", "nullable": True}
MODULE = ModuleTables(
    "fleet_desk",
    "1.1.0",
    read_tables(NEW),
    read_migrations(
        [
            {
                "version": "1.1.0",
                "description": "Every job has a number",
                "operations": [
                    ADD,
                    {"action": "transform", "table": "jobs", "column": "b", "from": "a"},
                    {"action": "alter_column", "table": "jobs", "column": "b", "type": "integer"},
                ],
            }
        ]
    ),
)
_TEXTS = {"fleet-a": "1", "fleet-b": "not a number", "fleet-c": "3", "fleet-d": "4"}


@pytest.fixture
async def scopes(tenancy: Tenancy) -> list[TenantScope]:
    made = [await tenancy.create(slug, slug, actor=ACTOR) for slug in (*_TEXTS, "fleet-none")]
    for scope in made[:-1]:
        data = await connector_for(tenancy, scope, schema="fleet_desk")
        await data.provision_tables(OLD, version="1.0.0")
        await data.insert("jobs", {"a": _TEXTS[scope.slug]})
    return made


async def migrated(
    tenancy: Tenancy, scopes: list[TenantScope], noted: list[tuple[str, str, str]] | None = None
) -> tuple[dict[str, Outcome], list[str]]:
    told: list[str] = []

    async def arrived(scope: TenantScope, schema: str, version: str) -> None:
        if noted is not None:
            noted.append((scope.slug, schema, version))

    outcomes = await migrate_tenants(
        tenancy,
        scopes,
        [MODULE],
        actor=ACTOR,
        allow_destructive=False,
        parallel=2,
        tell=lambda scope: told.append(scope.slug),
        arrived=arrived,
    )
    return {outcome.tenant: outcome for outcome in outcomes}, told


async def test_one_tenant_that_fails_stops_no_other_and_is_done_later(tenancy: Tenancy, scopes: list[TenantScope]):
    outcomes, told = await migrated(tenancy, scopes)

    assert sorted(told) == sorted(scope.slug for scope in scopes)
    done = {slug: one.said for slug, one in outcomes.items() if one.error is None}
    assert done == dict.fromkeys(("fleet-a", "fleet-c", "fleet-d"), "1.0.0 to 1.1.0, 3 steps")
    assert "not a number" in str(outcomes["fleet-b"].error)
    assert "1.1.0 transform jobs.b" in str(outcomes["fleet-b"].error)

    stuck = await connector_for(tenancy, scopes[1], schema="fleet_desk")
    await stuck.update("jobs", {"a": "not a number"}, {"a": "2"})
    noted: list[tuple[str, str, str]] = []
    again, _ = await migrated(tenancy, scopes, noted)

    assert {slug: one.said for slug, one in again.items()} == {"fleet-b": "1.0.0 to 1.1.0, 2 steps"}
    assert sorted(noted) == [(slug, "fleet_desk", "1.1.0") for slug in sorted(_TEXTS)]
    assert [row["b"] for row in await stuck.query("jobs")] == [2]
    assert (await tenancy.audit.verify(scopes[1])).ok


async def test_maintenance_makes_partitions_from_what_is_recorded(tenancy: Tenancy):
    scope = await tenancy.create("fleet-parts", "Parts", actor=ACTOR)
    data = await connector_for(tenancy, scope, schema="parts_desk")
    form = {"columns": {"at": {"type": "timestamp"}}, "partition_by": "at", "retention_days": 30}
    await data.provision_tables({"seen": form})
    await data.insert("seen", [{"at": "2031-05-05T00:00:00Z"}, {"at": "2001-01-01T00:00:00Z"}])

    first = await maintain_tenants(tenancy, [scope], parallel=1, tell=lambda _: None)
    second = await maintain_tenants(tenancy, [scope], parallel=1, tell=lambda _: None)

    assert [(one.schema, one.said) for one in first] == [("parts_desk", "1 made, 1 rows moved, 1 expired")]
    assert second == []
    assert [row["at"].year for row in await data.query("seen")] == [2031]
