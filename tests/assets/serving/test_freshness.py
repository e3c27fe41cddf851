"""Freshness of what the marts rest on, by dbt on a tenant's own database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets.databases import TenantDatabases
from assets.partitions import TENANT_DAYS, range_tags
from assets.serving.dbt_run import DbtProjectFiles, SourceAge, source_ages
from assets.serving.freshness import IS_FRESH, evaluation, freshness_checks
from assets.serving.publish import prepare
from assets.serving.tables import PUBLISHED
from orchestration.bronze_watch import add_partitions
from orchestration.dbt_project import manifest, project_dir
from orchestration.freshness import freshness_job
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

    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, [SLUG], [MONDAY])
        job = dg.Definitions(
            assets=[dg.AssetSpec(["kpi", one.name], partitions_def=TENANT_DAYS) for one in PUBLISHED],
            asset_checks=[freshness_checks(files)],
            jobs=[dg.define_asset_job("look", dg.AssetSelection.all_asset_checks())],
            resources={"databases": databases},
        ).resolve_job_def("look")
        result = job.execute_in_process(instance=instance, tags=range_tags(SLUG, [MONDAY]))
        hourly = freshness_job.execute_in_process(
            instance=instance, partition_key=SLUG, resources={"databases": databases}
        )
        (latest,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey(["kpi", "health_daily"]), IS_FRESH), limit=1
        )
    checks = {one.asset_key.path[1]: one.passed for one in result.get_asset_check_evaluations()}
    assert result.success
    assert checks == {name: name == "kpi_daily" for name in found}
    assert hourly.success
    assert latest.event is not None and "Published last: " in str(latest.event)
    databases.work(SLUG, lambda database: database.execute("truncate kpi.publication"))


def test_a_late_source_says_what_to_do_and_a_fresh_one_nothing() -> None:
    late = evaluation(SourceAge("kpi_daily", "error", MONDAY_NOON, 50.0))
    assert not late.passed and late.severity is dg.AssetCheckSeverity.ERROR
    assert late.description is not None
    assert late.description.startswith("Published last: 2024-03-04 12:00 UTC, 50.0 h ago. What to do: look whether")
    fresh = evaluation(SourceAge("kpi_daily", "pass", MONDAY_NOON, 1.0))
    assert fresh.passed and fresh.description is None
