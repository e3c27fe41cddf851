"""Everything Dagster loads: assets, checks, the jobs, the schedule, the sensors and the resources of one installation.

`workspace.yaml` points at `defs`. Loading touches neither the lake nor a database.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets import bronze, embeddings, fleet, gold, serving, silver, training
from orchestration.alerts import alerts
from orchestration.fleet import daily as fleet_daily
from orchestration.fleet import fleet_job
from orchestration.freshness import freshness_hourly, freshness_job
from orchestration.optimizing import optimize_daily, optimize_job
from orchestration.resources import installation, resources
from orchestration.sensors import JOB, bronze_watch, follow_upstream
from orchestration.upkeep import daily, upkeep_job

_ROOMS = (bronze, silver, gold, serving, embeddings, training, fleet)


def definitions(found: Mapping[str, Any]) -> dg.Definitions:
    """The code location over some resources, but for what needs more than the code, the dbt project.

    Args:
        found: resources by key: `lake`, `tenants`, `databases`, `upkeep`, `fleet`, `notices`.
    """
    return dg.Definitions(
        assets=[asset for room in _ROOMS for asset in room.ASSETS],
        asset_checks=[check for room in _ROOMS for check in room.CHECKS],
        jobs=[
            dg.define_asset_job(
                JOB,
                selection=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
                description="Every table of a tenant's days, with every check: what new data touches is built by it.",
            ),
            upkeep_job,
            fleet_job,
            optimize_job,
        ],
        schedules=[daily, fleet_daily, optimize_daily],
        sensors=[bronze_watch, follow_upstream, alerts],
        resources=found,
        # A process a step would import everything again for each: 18 s a run instead of 2.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of the installation that `GOLDLAYER_RUN` names."""
    from assets.serving.dbt_run import DbtProjectFiles
    from assets.serving.freshness import freshness_checks
    from assets.serving.marts import mart_assets
    from orchestration.dbt_project import manifest, project_dir

    run, settings = installation()
    files = DbtProjectFiles(project_dir(), manifest())
    of_dbt = dg.Definitions(
        assets=[mart_assets(files)],
        asset_checks=[freshness_checks(files)],
        jobs=[freshness_job],
        schedules=[freshness_hourly],
    )
    return dg.Definitions.merge(definitions(resources(run, settings)), of_dbt)
