"""Building from bronze to gold, in process: whole, again, after late rows, and not at all on corrupt ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from assets.partitions import TENANT_DAYS, range_tags
from core.errors import TerminalError
from lake.spec import TableSpec
from lake.tables import bronze, envelopes, gold, machines, ops, rollups, silver
from tests.orchestration.conftest import Plant, readings, week

DERIVED = (
    silver.READINGS,
    silver.SIGNAL_HOURLY,
    ops.BOOKS,
    gold.KPI_DAILY,
    gold.KPI_HOURLY,
    gold.BASELINE,
    *machines.TABLES,
    rollups.SITE_DAILY,
)


def test_everything_is_built_checked_and_the_same_when_built_again(plant):
    first = plant.build()
    assert first.warned == []
    assert first.passed["waterworks"] > 50
    assert plant.rows(silver.READINGS).height == 7 * 24 * 2 * 2
    assert set(plant.rows(gold.KPI_DAILY)["kpi"]) == {"utilisation", "availability", "fault_count", "operating_time"}
    results = plant.rows(ops.CHECK_RESULTS)
    assert set(results["status"]) == {"passed"}
    assert set(results["table"]) >= {"bronze.readings", "silver.readings", "ops.books", "gold.kpi_daily"}

    assert plant.build().runs == []

    before = {spec.full_name: plant.rows(spec) for spec in DERIVED}
    job = plant.definitions.resolve_job_def("build")
    tags = {
        "dagster/asset_partition_range_start": f"{plant.day(0)}|waterworks",
        "dagster/asset_partition_range_end": f"{plant.day(6)}|waterworks",
    }
    assert job.execute_in_process(instance=plant.instance, tags=tags).success
    for spec in DERIVED:
        assert plant.rows(spec).equals(before[spec.full_name]), spec.full_name


def missing(plant: Plant) -> dict[str, set[str]]:
    """By table, what Dagster's pages show as missing."""
    graph = plant.definitions.resolve_asset_graph()
    days = plant.instance.get_dynamic_partitions("date")
    cells = {f"{day}|waterworks" for day in days}
    found = {
        key.to_user_string(): cells - set(plant.instance.get_materialized_partitions(key))
        for key in graph.get_all_asset_keys()
        if graph.get(key).partitions_def == TENANT_DAYS
    }
    return {name: keys for name, keys in found.items() if keys}


def test_a_reading_of_ten_years_ago_builds_exactly_its_day_and_nothing_is_missing_between(plant):
    plant.build()
    assert missing(plant) == {}
    versions = {spec: plant.lake.version(spec) for spec in DERIVED}
    long_ago = datetime(2014, 3, 4, 10, 30, tzinfo=UTC)
    plant.add(readings(2, [("pump-1", "flow", long_ago, 60.0)], datetime.now(UTC)))
    plant.build()
    for spec in (silver.READINGS, silver.SIGNAL_HOURLY, ops.BOOKS, *machines.TABLES[:1]):
        assert plant.lake.days_added_since(spec, versions[spec])[1] == [long_ago.date()], spec.full_name
    days = {plant.day(n).isoformat() for n in range(7)}
    assert set(plant.instance.get_dynamic_partitions("date")) == {"2014-03-04", *days}
    assert missing(plant) == {}


@pytest.mark.long
def test_a_range_passes_over_days_for_which_nobody_has_data(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        plant = Plant(tmp_path / "lake", instance)
        rows = week()
        plant.add(rows.filter(pl.col("date").is_in([plant.day(n) for n in (1, 4, 5)])))
        plant.build()
        before = {spec.full_name: plant.rows(spec) for spec in DERIVED}
        plant.add(rows.filter(pl.col("date") == plant.day(0)).with_columns(seq=pl.lit(2, pl.Int64)))
        plant.build()
        tags = range_tags("waterworks", [plant.day(1), plant.day(5)])
        job = plant.definitions.resolve_job_def("build")
        result = job.execute_in_process(instance=instance, tags=tags)
        built = {event.partition for event in result.all_events if event.is_step_materialization}
        assert built == {f"{plant.day(n)}|waterworks" for n in (1, 4, 5)}
        assert missing(plant) == {}
        again = plant.rows(silver.READINGS).filter(pl.col("date") > plant.day(0))
        assert again.drop("late").equals(before[silver.READINGS.full_name].drop("late"))


@pytest.mark.long
def test_late_data_for_three_days_rebuilds_every_table_over_exactly_the_days_its_lookback_names(plant):
    plant.build()
    before = plant.rows(ops.CHECK_RESULTS).height
    versions = {spec: plant.lake.version(spec) for spec in DERIVED}
    untouched = plant.rows(silver.READINGS).filter(~pl.col("date").is_in([plant.day(n) for n in (1, 2, 5)]))
    noon = datetime(2024, 3, 4, 12, 30, tzinfo=UTC)
    samples = [("pump-1", "flow", noon + timedelta(days=n), 77.0) for n in (1, 2, 5)]
    plant.add(readings(2, samples, datetime.now(UTC)))
    plant.build()

    # Every build of a table checks it, over the days it built, whether or not there was a row to write.
    built: dict[str, set[date]] = {}
    rows = plant.lake.scan(ops.CHECK_RESULTS).sort("at").collect()[before:]
    for table, first, last in rows.select("table", "day_first", "day_last").unique().iter_rows():
        built.setdefault(table, set()).update(first + timedelta(days=n) for n in range((last - first).days + 1))

    the_days = {plant.day(n) for n in (1, 2, 5)}
    and_the_next = the_days | {plant.day(n) for n in (3, 6)}
    all_since = {plant.day(n) for n in range(1, 7)}
    silver_only = ("readings", "events", "quarantine", "fault_episodes", "equipment")
    back_one_day = (silver.SIGNAL_HOURLY, machines.SIGNAL_MINUTELY, machines.EQUIPMENT_STATES)
    books = (ops.BOOKS, ops.GAPS, ops.SIGNAL_REFERENCE, gold.LIFE_MODEL)
    assert {name: days for name, days in built.items() if not name.startswith("bronze.")} == {
        **dict.fromkeys([f"silver.{name}" for name in silver_only], the_days),
        **dict.fromkeys([spec.full_name for spec in books], the_days),
        **dict.fromkeys([spec.full_name for spec in back_one_day], and_the_next),
        # Baselines look 14 days back, envelopes 28, key figures to the first day: the week ends before any does.
        **dict.fromkeys([spec.full_name for spec in envelopes.TABLES], all_since),
        **dict.fromkeys([spec.full_name for spec in rollups.TABLES], all_since),
        **dict.fromkeys([spec.full_name for spec in gold.TABLES if spec is not gold.LIFE_MODEL], all_since),
    }

    def rebuilt(spec: TableSpec) -> set[date]:
        return set(plant.lake.days_added_since(spec, versions[spec])[1])

    assert rebuilt(silver.READINGS) == rebuilt(ops.BOOKS) == the_days
    assert rebuilt(silver.SIGNAL_HOURLY) == rebuilt(machines.SIGNAL_MINUTELY) == and_the_next
    assert rebuilt(gold.KPI_DAILY) == all_since
    late = plant.rows(silver.READINGS).filter("late")
    assert late.select("value", "date").rows() == [(77.0, day) for day in sorted(the_days)]
    assert plant.rows(silver.READINGS).filter(~pl.col("date").is_in(sorted(the_days))).equals(untouched)


def test_a_row_that_silver_rejects_is_kept_with_its_reason_and_the_books_balance(plant):
    plant.add(plant.late(2, 500.0))
    summary = plant.build()
    assert summary.warned == []
    assert plant.rows(silver.QUARANTINE)["reason"].to_list() == ["above the contract's maximum of 100.0 l/min"]
    line = plant.rows(ops.BOOKS).filter(pl.col("rejected") > 0).to_dicts()[0]
    assert (line["sent"], line["bronze"], line["silver"], line["rejected"]) == (2, 2, 1, 1)


def test_a_corrupt_row_stops_the_run_before_anything_is_built_on_it(plant):
    twice = plant.late(2, 60.0)
    plant.lake.append(bronze.READINGS, pl.concat([twice, twice]).to_arrow())
    with pytest.raises(TerminalError, match=r"bronze/readings\.keys_are_unique"):
        plant.build()
    assert plant.lake.version(silver.READINGS) is None
    assert plant.lake.version(gold.KPI_DAILY) is None
    ((tenant, cause, subject, message),) = plant.tenants.told
    assert (tenant, cause) == ("waterworks", "check/bronze.readings")
    assert subject == "bronze.readings does not pass its checks: nothing is built on it"
    assert message.startswith("On 2024-03-06, keys_are_unique: ")
    assert "What to do: " in message
    failed = plant.rows(ops.CHECK_RESULTS).filter(pl.col("status") == "failed")
    assert failed.select("table", "check").rows() == [("bronze.readings", "keys_are_unique")]
    assert failed["failed_days"].to_list() == [[plant.day(2)]]
    with pytest.raises(TerminalError):
        plant.build()
