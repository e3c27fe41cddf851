"""Is what a tenant's marts rest on published lately? dbt's own source freshness, as checks of the published tables."""

from collections.abc import Iterator

import dagster as dg

from assets.databases import TenantDatabases
from assets.partitions import TENANT_TAG
from assets.retrying import retried_events
from assets.serving.dbt_run import DbtProjectFiles, SourceAge, source_ages
from assets.serving.published import published_key
from assets.serving.tables import PUBLISHED, SCHEMA

IS_FRESH = "is_published_lately"
_EXPECTED = "published within a day; after two days it is an error"
_REMEDY = "look whether the bridges send, whether bronze_watch runs, and whether a run failed or waits in the queue"


def freshness_checks(project: DbtProjectFiles) -> dg.AssetChecksDefinition:
    """A check of every published table, run when it is published and once an hour; none of them blocks."""
    specs = [dg.AssetCheckSpec(IS_FRESH, asset=published_key(one), description=_EXPECTED) for one in PUBLISHED]

    @dg.multi_asset_check(name="source_freshness", specs=specs, can_subset=True)
    @retried_events
    def check(context: dg.AssetCheckExecutionContext, databases: TenantDatabases) -> Iterator[dg.AssetCheckResult]:
        """Ages by dbt, of this run's tenant."""
        tenant = context.run.tags[TENANT_TAG]  # ages are of now: a look without days is one too
        wanted = {key.asset_key for key in context.selected_asset_check_keys}
        for one in source_ages(project, databases.dsn(tenant), databases.scratch(tenant)):
            found = evaluation(one)
            if found.asset_key in wanted:
                yield dg.AssetCheckResult(
                    asset_key=found.asset_key,
                    check_name=found.check_name,
                    passed=found.passed,
                    severity=found.severity,
                    description=found.description,
                    metadata=found.metadata,
                )

    return check


def evaluation(age: SourceAge) -> dg.AssetCheckEvaluation:
    """What dbt says of a source, as Dagster shows it. Pure."""
    when = "never" if age.at is None else f"{age.at:%Y-%m-%d %H:%M} UTC, {age.hours:.1f} h ago"
    passed = age.status == "pass"
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey([SCHEMA, age.name]),
        check_name=IS_FRESH,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if age.status == "error" else dg.AssetCheckSeverity.WARN,
        description=None if passed else f"Published last: {when}. What to do: {_REMEDY}.",
        metadata={
            "observed": dg.MetadataValue.text(f"published last: {when}"),
            "expected": dg.MetadataValue.text(_EXPECTED),
        },
    )
