"""The queue of runs: every run is one tenant's, whoever asks for it.

Dagster bounds how many runs of a tag's value are at work, but tags what a person starts in the UI by its partitions
only, and cuts a backfill of few days and many tenants into one run a day over all of them. Here each run gets the tag
of its tenant before it is queued, and a run over several tenants becomes one each.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.partitions import DAYS_TAG, RANGE_END, RANGE_START, TENANT_TAG, TENANTS, span


def split(tags: Mapping[str, str], known: Sequence[str]) -> list[dict[str, str]]:
    """The tags by which a run becomes runs of one tenant each; one empty entry for a run of no tenant. Pure.

    Args:
        tags: of the run.
        known: every tenant, in the order in which Dagster keeps them: a range goes from one to another in it.
    """
    if TENANT_TAG in tags:
        return [{TENANT_TAG: tags[TENANT_TAG]}]
    if RANGE_START not in tags:
        day, _, tenant = tags.get(PARTITION_NAME_TAG, "").rpartition("|")
        return [{name: value for name, value in ((TENANT_TAG, tenant), (DAYS_TAG, day)) if value}]
    (first, _, start), (last, _, end) = tags[RANGE_START].rpartition("|"), tags[RANGE_END].rpartition("|")
    days = {DAYS_TAG: span(first, last)}
    between = known[known.index(start) : known.index(end) + 1] if start != end else [start]
    return [{TENANT_TAG: one, RANGE_START: f"{first}|{one}", RANGE_END: f"{last}|{one}", **days} for one in between]


class TenantQueue(QueuedRunCoordinator):
    """The library's queue, of runs that are one tenant's."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue a run, and those of the other tenants that it was asked for."""
        run = context.dagster_run
        if run.status is dg.DagsterRunStatus.NOT_STARTED:
            mine, *others = split(run.tags, self._instance.get_dynamic_partitions(str(TENANTS.name)))
            for tags in others:
                if (other := self._sibling(context, tags)) is not None:
                    super().submit_run(SubmitRunContext(other, context.workspace))
            if mine:
                self._instance.add_run_tags(run.run_id, mine)
        return super().submit_run(context)

    def _sibling(self, context: SubmitRunContext, tags: Mapping[str, str]) -> dg.DagsterRun | None:
        """The same run for another tenant; None if it was made before, by an attempt that was interrupted."""
        run, instance = context.dagster_run, self._instance
        run_id = str(uuid5(UUID(run.run_id), tags[TENANT_TAG]))
        if instance.has_run(run_id):
            made = instance.get_run_by_id(run_id)
            return made if made is not None and made.status is dg.DagsterRunStatus.NOT_STARTED else None
        plan, job = run.execution_plan_snapshot_id, run.job_snapshot_id
        snapshot = instance.get_job_snapshot(job) if job else None
        lineage = snapshot.lineage_snapshot if snapshot else None
        return instance.create_run(
            job_name=run.job_name,
            run_id=run_id,
            run_config=run.run_config,
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={**run.tags, **tags},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=run.step_keys_to_execute,
            execution_plan_snapshot=instance.get_execution_plan_snapshot(plan) if plan else None,
            job_snapshot=snapshot,
            parent_job_snapshot=instance.get_job_snapshot(lineage.parent_snapshot_id) if lineage else None,
            asset_selection=run.asset_selection,
            asset_check_selection=run.asset_check_selection,
            resolved_op_selection=run.resolved_op_selection,
            op_selection=run.op_selection,
            remote_job_origin=run.remote_job_origin,
            job_code_origin=run.job_code_origin,
            asset_graph=context.workspace.asset_graph,
        )
