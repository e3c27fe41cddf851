"""Is what tenants' marts rest on published lately? dbt's own source freshness, as checks of the published tables."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from assets.databases import TenantDatabases
from assets.partitions import TENANT_TAG
from assets.resources import TenantResource
from assets.retrying import retried_events
from assets.serving.dbt_run import DbtProjectFiles, SourceAge, source_ages
from assets.serving.published import published_key
from assets.serving.tables import PUBLISHED
from core.errors import GoldlayerError

IS_FRESH = "is_published_lately"
CHECKS = tuple(dg.AssetCheckKey(published_key(one), IS_FRESH) for one in PUBLISHED)
_EXPECTED = "published within a day; after two days it is an error"
_REMEDY = "look whether the bridges send, whether bronze_watch runs, and whether a run failed or waits in the queue"
_ORDER = ("unknown", "error", "warn", "pass")
_NAMED = 5

Ages = Mapping[str, SourceAge | None]
"""Of one table, how old it is in each tenant's database; None if that could not be told."""


def freshness_checks(project: DbtProjectFiles) -> dg.AssetChecksDefinition:
    """A check of every published table, none of which blocks.

    Once an hour, and whenever a person executes it, it looks at all tenants; in a run of one tenant at that one.
    """
    specs = [dg.AssetCheckSpec(key.name, asset=key.asset_key, description=_EXPECTED) for key in CHECKS]

    @dg.multi_asset_check(name="source_freshness", specs=specs, can_subset=True)
    @retried_events
    def check(
        context: dg.AssetCheckExecutionContext, databases: TenantDatabases, tenants: TenantResource
    ) -> Iterator[dg.AssetCheckResult]:
        own = context.run.tags.get(TENANT_TAG)
        ages: dict[str, dict[str, SourceAge | None]] = defaultdict(dict)
        for slug in [own] if own else tenants.slugs():
            for name, age in _ages(context, project, databases, slug).items():
                ages[name][slug] = age
        for key in context.selected_asset_check_keys:
            yield result(key, ages[key.asset_key.path[-1]])

    return check


def _ages(
    context: dg.AssetCheckExecutionContext, project: DbtProjectFiles, databases: TenantDatabases, slug: str
) -> dict[str, SourceAge | None]:
    """By table; a tenant whose database does not answer is in nobody else's way."""
    try:
        found = source_ages(project, databases.dsn(slug), databases.scratch(slug))
    except GoldlayerError as error:
        context.log.error(f"{slug} is not looked at: {error}")
        return dict.fromkeys(one.name for one in PUBLISHED)
    return {one.name: one for one in found}


def result(key: dg.AssetCheckKey, ages: Ages) -> dg.AssetCheckResult:
    """What dbt says of a table of some tenants, as Dagster shows it: the stalest first. Pure."""
    order = sorted(ages, key=lambda slug: (_ORDER.index(_status(ages[slug])), slug))
    late = [slug for slug in order if _status(ages[slug]) != "pass"]
    lines = [f"| {slug} | {_status(ages[slug])} | {_when(ages[slug])} |" for slug in order]
    is_error = any(_status(ages[slug]) != "warn" for slug in late)
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=f"{_named(late, ages)}. What to do: {_REMEDY}." if late else None,
        metadata={
            "observed": f"{len(order) - len(late)} of {len(order)} tenants as fresh as expected",
            "expected": _EXPECTED,
            "tenants": dg.MetadataValue.md(
                "\n".join(["| tenant | result | published last |", "|---|---|---|", *lines])
            ),
        },
    )


def _named(late: Sequence[str], ages: Ages) -> str:
    more = f"; and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    return f"Published last: {'; '.join(f'{slug} {_when(ages[slug])}' for slug in late[:_NAMED])}{more}"


def _status(age: SourceAge | None) -> str:
    return "unknown" if age is None else age.status


def _when(age: SourceAge | None) -> str:
    if age is None:
        return "unknown, the run's log says why"
    return "never" if age.at is None else f"{age.at:%Y-%m-%d %H:%M} UTC, {age.hours:.1f} h ago"
