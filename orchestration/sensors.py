"""The sensors: bronze drives everything; declarative automation is there for those who switch it on."""

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.resources import LakeResource, TenantResource
from orchestration import cursor
from orchestration.bronze_watch import Rebuild, missing_partitions, poll_bronze, reach_of
from orchestration.selection import checks_for

JOB = "build"
"""The job that builds every table and runs every check."""
_EVERY_S = 30


@dg.sensor(
    job_name=JOB,
    name=cursor.SENSOR,
    minimum_interval_seconds=_EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Bronze commits since the last look become materialisations, and runs over the days they touch.",
)
def bronze_watch(
    context: dg.SensorEvaluationContext, lake: LakeResource, tenants: TenantResource
) -> dg.SensorResult | dg.SkipReason:
    """Idle while bronze does not grow."""
    if context.repository_def is None:
        return dg.SkipReason("the code location is not loaded")
    graph = context.repository_def.asset_graph
    seen = cursor.read(context.instance)
    poll = poll_bronze(lake, tenants, reach_of(graph), seen)
    new = missing_partitions(context.instance, poll.tenants, poll.days)
    if poll.versions == seen and not new:
        return dg.SkipReason("bronze has not grown")
    return dg.SensorResult(
        run_requests=[_request(rebuild, graph) for rebuild in poll.rebuilds],
        asset_events=poll.materialisations,
        dynamic_partitions_requests=[definition.build_add_request(keys) for definition, keys in new.items()],
        cursor=cursor.write(poll.versions),
    )


def _request(rebuild: Rebuild, graph: AssetGraph) -> dg.RunRequest:
    keys = [dg.AssetKey(list(key)) for key in rebuild.keys]
    return dg.RunRequest(
        run_key=rebuild.name,
        tags=rebuild.tags(),
        asset_selection=keys,
        asset_check_keys=sorted(checks_for(graph, keys), key=str),
    )


follow_upstream = dg.AutomationConditionSensorDefinition(
    "follow_upstream",
    target=dg.AssetSelection.groups("gold"),
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Gold follows a hand-made rebuild of silver; off by default, since bronze_watch plans whole rebuilds.",
)
