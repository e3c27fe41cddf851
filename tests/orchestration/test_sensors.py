"""The sensor: bronze commits become materialisations, tenants and runs; nothing new becomes nothing."""

from __future__ import annotations

import dagster as dg
import pytest

from assets.window import AFTER_TAG, REBUILD_TAG, require_predecessor
from core.errors import TerminalError
from orchestration import cursor
from orchestration.bronze_watch import add_partitions, poll_bronze, reach_of
from orchestration.sensors import bronze_watch


def tick(plant) -> dg.SensorResult | dg.SkipReason:
    """One evaluation of the sensor."""
    context = dg.build_sensor_context(
        instance=plant.instance,
        repository_def=plant.definitions.get_repository_def(),
        resources={"lake": plant.lake_resource, "tenants": plant.tenants},
    )
    return bronze_watch(context)


def test_new_bronze_is_one_run_over_its_days(plant):
    result = tick(plant)
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2024-03-04|waterworks"
    assert request.tags["dagster/asset_partition_range_end"] == "2024-03-10|waterworks"
    assert dg.AssetKey(["gold", "kpi_daily"]) in (request.asset_selection or [])
    checks = {(key.asset_key.to_user_string(), key.name) for key in request.asset_check_keys or []}
    assert ("bronze/readings", "keys_are_unique") in checks
    assert {str(event.partition) for event in result.asset_events} >= {"2024-03-04|waterworks", "2024-03-10|waterworks"}
    asked = {one.partitions_def_name: list(one.partition_keys) for one in result.dynamic_partitions_requests or []}
    assert asked == {"tenant": ["waterworks"], "date": [plant.day(n).isoformat() for n in range(7)]}


def test_nothing_new_is_skipped(plant):
    reach = reach_of(plant.definitions.resolve_asset_graph())
    poll = poll_bronze(plant.lake_resource, plant.tenants, reach, {})
    cursor.remember(plant.instance, poll.versions)
    add_partitions(plant.instance, poll.tenants, poll.days)
    assert isinstance(tick(plant), dg.SkipReason)


def test_days_that_an_older_release_built_become_partitions(plant):
    reach = reach_of(plant.definitions.resolve_asset_graph())
    cursor.remember(plant.instance, poll_bronze(plant.lake_resource, plant.tenants, reach, {}).versions)
    result = tick(plant)
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    assert {one.partitions_def_name for one in result.dynamic_partitions_requests or []} == {"tenant", "date"}


def test_rebuilds_of_a_late_row_wait_for_each_other(plant):
    reach = reach_of(plant.definitions.resolve_asset_graph())
    seen = poll_bronze(plant.lake_resource, plant.tenants, reach, {}).versions
    plant.add(plant.late(2, 60.0))
    rebuilds = poll_bronze(plant.lake_resource, plant.tenants, reach, seen).rebuilds
    assert rebuilds[0].after is None
    assert [later.after for later in rebuilds[1:]] == [before.name for before in rebuilds[:-1]]
    assert rebuilds[0].days == (plant.day(2), plant.day(2))
    assert ("silver", "readings") in rebuilds[0].keys
    assert rebuilds[-1].days[1] == plant.day(6)


def test_a_run_refuses_when_the_one_before_it_did_not_succeed():
    @dg.op
    def look(context) -> None:  # Dagster reads annotations as they stand, and here they are text
        require_predecessor(context)

    @dg.job
    def later() -> None:
        look()

    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(TerminalError, match="have not been rebuilt"):
            later.execute_in_process(instance=instance, tags={AFTER_TAG: "first"})
        assert later.execute_in_process(instance=instance, tags={REBUILD_TAG: "first"}).success
        assert later.execute_in_process(instance=instance, tags={AFTER_TAG: "first"}).success
