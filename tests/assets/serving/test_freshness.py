"""Freshness of what the marts rest on, by dbt on a tenant's own database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets.databases import TenantDatabases
from assets.partitions import TENANT_DAYS, range_tags
from assets.resources import TenantResource
from assets.serving.dbt_run import DbtProjectFiles, SourceAge, source_ages
from assets.serving.freshness import CHECKS, freshness_checks, result
from assets.serving.publish import prepare
from assets.serving.tables import PUBLISHED
from core.tenancy import RegisteredSite
from orchestration.bronze_watch import add_partitions
from orchestration.dbt_project import manifest, project_dir
from orchestration.freshness import FRESHNESS, freshness_job
from tests.assets.conftest import MONDAY

pytestmark = pytest.mark.xdist_group("marts")
MONDAY_NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
SLUG = "serving-two"
NOTE = "insert into kpi.publication values ($1, 'gold', 1, 0, 'run', '{}', $2)"


def test_each_source_is_as_old_as_its_publication_and_a_check_says_so(databases: TenantDatabases) -> None:
    now = datetime.now(UTC)
    ages = {"kpi_daily": 1, "health_daily": 30, "remaining_life": 72}
    databases.work(SLUG, lambda database: prepare(database, PUBLISHED))
    databases.work(SLUG, lambda database: database.execute("truncate kpi.publication"))
    for name, hours in ages.items():
        at = now - timedelta(hours=hours)
        databases.work(SLUG, lambda database, name=name, at=at: database.execute(NOTE, name, at))
    files = DbtProjectFiles(project_dir(), manifest())
    found = {one.name: one for one in source_ages(files, databases.dsn(SLUG), databases.scratch(SLUG))}
    assert {name: one.status for name, one in found.items()} == {
        "kpi_daily": "pass", "health_daily": "warn", "remaining_life": "error", "fault_episodes": "error",
    }  # fmt: skip
    assert found["health_daily"].hours == pytest.approx(30, abs=0.5)
    assert found["fault_episodes"].at is None

    alone = look(databases, range_tags(SLUG, [MONDAY]), [])
    assert {name: one.passed for name, one in alone.items()} == {name: name == "kpi_daily" for name in found}
    everywhere = look(databases, {}, [SLUG, "no-such-tenant"])
    assert {one.passed for one in everywhere.values()} == {False}
    description = everywhere["kpi_daily"].description or ""
    assert description.startswith("Published last: no-such-tenant unknown, the run's log says why. What to do: ")
    assert f"| {SLUG} | pass | {now - timedelta(hours=1):%Y-%m-%d %H:%M}" in str(
        everywhere["kpi_daily"].metadata["tenants"]
    )
    databases.work(SLUG, lambda database: database.execute("truncate kpi.publication"))


def look(databases: TenantDatabases, tags: dict[str, str], slugs: Sequence[str]) -> dict[str, dg.AssetCheckEvaluation]:
    """What the job of an hour finds, by table."""
    files = DbtProjectFiles(project_dir(), manifest())
    defined = dg.Definitions(
        assets=[dg.AssetSpec(["kpi", one.name], partitions_def=TENANT_DAYS) for one in PUBLISHED],
        asset_checks=[freshness_checks(files)],
        jobs=[freshness_job],
        resources={"databases": databases, "tenants": Known(known=list(slugs))},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, [SLUG], [MONDAY])
        done = defined.resolve_job_def(FRESHNESS).execute_in_process(instance=instance, tags=tags)
    return {one.asset_key.path[1]: one for one in done.get_asset_check_evaluations()}


class Known(TenantResource):
    """A register of slugs alone."""

    known: list[str]

    def slugs(self) -> list[str]:
        return self.known

    def sites(self, slug: str) -> list[RegisteredSite]:
        raise AssertionError("freshness asks for slugs alone")

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        raise AssertionError("freshness asks for slugs alone")


def test_a_late_source_says_whose_and_what_to_do_and_a_fresh_one_nothing() -> None:
    key = CHECKS[0]
    fresh, stale = (
        SourceAge("kpi_daily", word, MONDAY_NOON, hours) for word, hours in (("pass", 1.0), ("error", 50.0))
    )
    late = result(key, {"acme": fresh, "bright": stale, "clear": SourceAge("kpi_daily", "warn", MONDAY_NOON, 30.0)})
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert late.description is not None
    assert late.description.startswith(
        "Published last: bright 2024-03-04 12:00 UTC, 50.0 h ago; clear 2024-03-04 12:00 UTC, 30.0 h ago. "
        "What to do: look whether"
    )
    assert late.metadata["observed"].value == "1 of 3 tenants as fresh as expected"
    passed = result(key, {"acme": fresh})
    assert passed.passed and passed.description is None
    assert result(key, {}).passed
    warned = result(key, {"acme": fresh, "clear": SourceAge("kpi_daily", "warn", MONDAY_NOON, 30.0)})
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
