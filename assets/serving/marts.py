"""The dbt marts of a tenant: staging views and mart tables over schema `kpi`, each model an asset, each test a check.

The marts are rebuilt whole, whatever days a run covers: a tenant's published tables are small. Consumers: modules and
agents.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets
from dagster_dbt.asset_utils import get_subset_selection_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from assets.databases import TenantDatabases
from assets.declared import OWNERS
from assets.notices import MARTS
from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.retrying import retried_events
from assets.serving.dbt_run import DbtProjectFiles, build
from assets.window import require_predecessor, window
from core.errors import TerminalError

_EVERYTHING = "fqn:*"


class _Translator(DagsterDbtTranslator):
    """Names models as they stand in the database: `mart/fault_history`, grouped by folder."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["fqn"][1])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props.get("description") or dbt_resource_props["name"])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002  the library's signature
        return OWNERS

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        # The manifest is parsed without a database: the name it would give the table's database is nobody's.
        table = f"{dbt_resource_props['schema']}.{dbt_resource_props['name']}"
        return {**super().get_metadata(dbt_resource_props), "dagster/table_name": table}


def mart_assets(project: DbtProjectFiles) -> dg.AssetsDefinition:
    """Every model of the project as an asset of one step."""
    manifest: dict[str, Any] = json.loads(project.manifest.read_text(encoding="utf-8"))
    translator = _Translator()

    @dbt_assets(
        manifest=manifest,
        name="marts",
        select=_EVERYTHING,
        partitions_def=TENANT_DAYS,
        backfill_policy=WHOLE_RANGE,
        dagster_dbt_translator=translator,
    )
    @retried_events
    def marts(context: dg.AssetExecutionContext, databases: TenantDatabases) -> Iterator[Any]:
        require_predecessor(context)
        tenant = window(context).tenant
        selection, indirect = get_subset_selection_for_context(
            context, manifest, _EVERYTHING, None, None, translator, None
        )
        outcome = build(project, databases.dsn(tenant), databases.scratch(tenant), selection, indirect)
        for event in outcome.events:
            message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
            yield from message.to_default_asset_events(manifest, translator, context)
        if outcome.failures:
            told = f"{'; '.join(outcome.failures)}. What was there before stays."
            databases.tell(tenant, MARTS, "Marts do not hold", told)
            raise TerminalError("marts do not hold", received="; ".join(outcome.failures), where=tenant)

    return marts
