"""The daily run over a tenant's tables, as Dagster makes it."""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from assets.partitions import TENANTS
from lake.tables.bronze import READINGS
from orchestration.optimizing import OPTIMIZE, optimize_daily, optimize_job, requests_of, told
from tests.orchestration.conftest import OneSite, Plant


def test_a_run_is_one_tenant_s_and_says_what_it_did(plant: Plant) -> None:
    for _ in range(8):
        plant.add(plant.late(0, 42.0))
    plant.instance.add_dynamic_partitions(str(TENANTS.name), ["waterworks"])
    before = plant.lake.count(READINGS)
    result = optimize_job.execute_in_process(
        partition_key="waterworks", instance=plant.instance, resources={"lake": plant.lake_resource}
    )
    (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    said = output.step_output_data.metadata
    assert said["compacted"] == dg.MetadataValue.int(18)
    assert "bronze.readings" in str(said["outcomes"].value)
    assert plant.lake.count(READINGS) == before


def test_every_tenant_has_its_run_a_day(tmp_path: Path) -> None:
    requests = requests_of(["waterworks", "new-works"], ["waterworks", "gone-works"], date(2026, 3, 1))
    assert [(one.partition_key, one.run_key) for one in requests] == [("waterworks", "waterworks/2026-03-01")]
    assert optimize_daily.default_status is dg.DefaultScheduleStatus.RUNNING
    assert optimize_daily.job_name == OPTIMIZE
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=datetime(2026, 3, 1, tzinfo=UTC))
        assert optimize_daily(context, tenants=OneSite(notes="")) == dg.SkipReason("no tenant has data")
    assert told([])["outcomes"] == dg.MetadataValue.md("nothing to do")
