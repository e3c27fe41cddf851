"""Building what is new, now and in this process: the same function as the sensor's, on the same instance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dagster as dg

from assets.resources import LakeResource, TenantResource
from core.errors import TerminalError
from orchestration import cursor
from orchestration.bronze_watch import Rebuild, add_partitions, poll_bronze, reach_of
from orchestration.selection import checks_for
from orchestration.sensors import JOB


@dataclass(slots=True)
class Summary:
    """What a call built.

    Attributes:
        runs: run ids, in order.
        materialised: assets written, by key; bronze not counted.
        passed: checks that passed, by tenant.
        warned: `<tenant> <table> <check>` of warnings.
    """

    runs: list[str] = field(default_factory=list)
    materialised: set[str] = field(default_factory=set)
    passed: dict[str, int] = field(default_factory=dict)
    warned: list[str] = field(default_factory=list)


def materialize_new(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    lake: LakeResource,
    tenants: TenantResource,
    progress: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Build everything that follows from bronze commits since the last call; nothing new builds nothing.

    Args:
        instance: where materialisations, checks and the cursor are kept.
        definitions: see `orchestration.definitions`.
        lake: the resource that `definitions` holds.
        tenants: likewise.
        progress: told one line a run.

    Raises:
        TerminalError: a run failed; the cursor stays, so that the next call tries again.
    """
    graph = definitions.resolve_asset_graph()
    poll = poll_bronze(lake, tenants, reach_of(graph), cursor.read(instance))
    add_partitions(instance, poll.tenants, poll.days)
    for materialisation in poll.materialisations:
        instance.report_runless_asset_event(materialisation)
    build = builder(instance, definitions)
    summary = Summary()
    for rebuild in poll.rebuilds:
        progress(f"{rebuild.tenant}: {len(rebuild.keys)} assets, {rebuild.days[0]} to {rebuild.days[1]}")
        _add(summary, rebuild, build(rebuild, {}))
    cursor.remember(instance, poll.versions)
    return summary


def builder(
    instance: dg.DagsterInstance, definitions: dg.Definitions, *, log_level: str = "INFO"
) -> Callable[[Rebuild, Mapping[str, str]], dg.ExecuteInProcessResult]:
    """What makes a run of a rebuild, with more tags, in this process; its errors are `materialize_new`'s.

    An interruption ends the run as cancelled and goes on as such. `log_level` is what standard error is told of a run's
    events; Dagster keeps them all.
    """
    config = {"loggers": {"console": {"config": {"log_level": log_level}}}}
    graph, job = definitions.resolve_asset_graph(), definitions.resolve_job_def(JOB)

    def build(rebuild: Rebuild, more: Mapping[str, str]) -> dg.ExecuteInProcessResult:
        keys = {dg.AssetKey(list(key)) for key in rebuild.keys}
        whole = keys == set(graph.materializable_asset_keys)
        part = job if whole else job.get_subset(asset_selection=keys, asset_check_selection=checks_for(graph, keys))
        tags = {**rebuild.tags(), **more}
        result = part.execute_in_process(instance=instance, run_config=config, tags=tags, raise_on_error=False)
        run = instance.get_run_by_id(result.run_id)
        if run is not None and run.status is dg.DagsterRunStatus.CANCELED:
            raise KeyboardInterrupt
        if not result.success:
            raise TerminalError(
                "a run failed",
                received=_why(result),
                where=f"{rebuild.tenant}, {rebuild.days[0]} to {rebuild.days[1]}, run {result.run_id}",
                next_step="look at the run in the Dagster UI, correct the cause, and run again",
            )
        return result

    return build


def _why(result: dg.ExecuteInProcessResult) -> str:
    checks = [
        f"check {one.asset_key.to_user_string()}.{one.check_name}: {one.metadata['observed'].value}"
        for one in result.get_asset_check_evaluations()
        if not one.passed and one.severity is dg.AssetCheckSeverity.ERROR and "observed" in one.metadata
    ]
    errors = [event.message or "" for event in result.all_events if event.is_step_failure]
    return "; ".join([*checks, *errors])[:2000]


def _add(summary: Summary, rebuild: Rebuild, result: dg.ExecuteInProcessResult) -> None:
    checks = result.get_asset_check_evaluations()
    summary.runs.append(result.run_id)
    summary.materialised |= {"/".join(key) for key in rebuild.keys}
    passed = sum(one.passed for one in checks)
    summary.passed[rebuild.tenant] = summary.passed.get(rebuild.tenant, 0) + passed
    summary.warned += [
        f"{rebuild.tenant} {one.asset_key.to_user_string()} {one.check_name}" for one in checks if not one.passed
    ]
