"""Dagster's home on the installation's own PostgreSQL, and runs over many days on it."""

import dagster as dg
import pytest

from assets.partitions import TENANT_DAYS, WHOLE_RANGE, range_tags
from orchestration.home import environment, prepare


@pytest.fixture
def instance(prepared, monkeypatch):
    """The instance that `platform dagster` uses."""
    for name, value in environment(prepared.run, prepared.postgres, prepared.settings).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as found:
        yield found


def test_the_password_stands_in_no_file(prepared):
    prepare(prepared.run, prepared.settings)
    secret = prepared.run.secret("pg_goldlayer_dagster")
    assert not [file for file in prepared.run.dagster.iterdir() if file.is_file() and secret in file.read_text()]


def test_a_run_over_days_announces_and_writes_every_one(instance, plant):
    @dg.asset(partitions_def=TENANT_DAYS, backfill_policy=WHOLE_RANGE)
    def probe(context: dg.AssetExecutionContext) -> None:
        context.log.info(str(list(context.partition_keys)))

    instance.add_dynamic_partitions("tenant", ["waterworks"])
    instance.add_dynamic_partitions("date", [plant.day(n).isoformat() for n in (3, 0, 4, 1, 2, 9)])
    job = dg.Definitions([probe], jobs=[dg.define_asset_job("probing", [probe])]).resolve_job_def("probing")
    days = [plant.day(n) for n in range(5)]
    result = job.execute_in_process(instance=instance, tags=range_tags("waterworks", days))
    assert result.success
    keys = {f"{day}|waterworks" for day in days}
    assert instance.get_materialized_partitions(probe.key) == keys
    planned = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert {record.partition_key for record in planned.records} == keys
    built = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    assert len({int(record.timestamp * 1000) for record in built}) == len(days)
    (record,) = instance.get_asset_records([probe.key])
    assert record.asset_entry.last_run_id == result.run_id


def test_a_day_that_came_late_stands_in_its_place(instance):
    name = "days-of-a-test"
    for day in ("2024-03-05", "2024-03-04", "2014-03-04"):
        instance.add_dynamic_partitions(name, [day])
    in_order = ["2014-03-04", "2024-03-04", "2024-03-05"]
    assert instance.get_dynamic_partitions(name) == in_order
    page = instance.get_paginated_dynamic_partitions(name, limit=2, ascending=True)
    rest = instance.get_paginated_dynamic_partitions(name, limit=2, ascending=True, cursor=page.cursor)
    assert [*page.results, *rest.results] == in_order
    assert page.has_more and not rest.has_more
    assert instance.get_paginated_dynamic_partitions(name, limit=1, ascending=False).results == ["2024-03-05"]
