"""The whole serving layer through Dagster: published, marts, memory and drafts, for two tenants in one process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from assets import embeddings, serving, training
from assets.databases import TenantDatabases
from assets.partitions import range_tags
from assets.resources import LakeResource, TenantResource
from assets.serving.dbt_run import DbtProjectFiles
from assets.serving.marts import mart_assets
from assets.serving.tables import PUBLISHED
from core.tenancy import RegisteredSite
from lake.store import Lake
from orchestration.bronze_watch import add_partitions
from orchestration.dbt_project import manifest, project_dir
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, record

pytestmark = pytest.mark.xdist_group("marts")
KPI, HEALTH, LIFE, FAULTS = (published.source for published in PUBLISHED)
ONE, TWO = "serving-one", "serving-two"
MONDAY = date(2024, 3, 4)
WEEK = [MONDAY + timedelta(days=day) for day in range(7)]


class NoSites(TenantResource):
    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        raise AssertionError(f"{slug} is told: {subject}")

    """Tenants whose sites nobody asks for."""

    def slugs(self) -> list[str]:
        return [ONE, TWO]

    def sites(self, slug: str) -> Sequence[RegisteredSite]:
        return []


@dataclass
class Serving:
    """Two tenants, everything this layer builds for them, and the runs that built it."""

    folder: str
    databases: TenantDatabases
    assets: list[dg.AssetsDefinition]
    instance: dg.DagsterInstance

    def run(self, slug: str, **choice: Any) -> dg.ExecuteInProcessResult:
        resources = {"lake": LakeResource(root=self.folder), "tenants": NoSites(), "databases": self.databases}
        return dg.materialize(
            self.assets,
            tags=range_tags(slug, WEEK),
            partition_key=None,
            instance=self.instance,
            resources=resources,
            raise_on_error=False,
            **choice,
        )

    def fetch(self, slug: str, sql: str) -> list[dict[str, Any]]:
        return self.databases.work(slug, lambda database: database.fetch(sql))


def utilisation(machine: str, day: int, value: float) -> tuple[object, ...]:
    return ("plant", machine, "oil_pump", "utilisation", value, "percent", 24, MONDAY + timedelta(days=day))


def lifelong(machine: str, day: int, operated: float, failures: int) -> list[tuple[object, ...]]:
    figures = {"operating_time": operated, **({"mtbf": operated / failures} if failures else {})}
    on = MONDAY + timedelta(days=day)
    return [("plant", machine, "oil_pump", kpi, value, "hour", failures, on) for kpi, value in figures.items()]


@pytest.fixture(scope="module")
def serving_layer(databases: TenantDatabases) -> Iterator[Serving]:
    folder = tempfile.mkdtemp(prefix="goldlayer-")
    assets = [
        *serving.ASSETS,
        mart_assets(DbtProjectFiles(project_dir(), manifest())),
        *embeddings.ASSETS,
        *training.ASSETS,
    ]
    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, [ONE, TWO], WEEK)
        yield Serving(folder, databases, assets, instance)
    for slug in (ONE, TWO):
        for name in ("kpi.kpi_daily", "kpi.health_daily", "kpi.remaining_life", "kpi.fault_episodes"):
            databases.work(slug, lambda database, name=name: database.execute(f"truncate {name}"))
        databases.work(slug, lambda database: database.execute("truncate kpi.publication"))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def built(serving_layer: Serving, module_plant: SimpleNamespace) -> dict[str, dg.ExecuteInProcessResult]:
    """Tenant one has two pumps, faults and an engine near its end; tenant two has one day of one pump."""
    lake, plant = Lake(serving_layer.folder), module_plant
    one, two = lake.tenant(ONE), lake.tenant(TWO)
    episodes = [
        plant.episode("e1", hours=4.0),
        plant.episode("e2", hours=6.0, code="hot"),
        plant.episode("e3", day=3, hours=None),
    ]
    deviations = [plant.deviation("pump-1", 0, "oil_pressure", "bar", -8.0)]
    health = [plant.health("pump-1", day, 0.1 * day) for day in range(7)]
    plant.fill(one, episodes, health=health, deviations=deviations)
    plant.fill(two, [])
    kpis = [utilisation("pump-1", day, 40.0 + day) for day in range(7)] + [utilisation("pump-2", 2, 10.0)]
    kpis += [*lifelong("pump-1", 0, 12.0, 2), *lifelong("pump-1", 6, 90.0, 3), *lifelong("pump-2", 2, 5.0, 0)]
    one.replace_all(KPI, plant.frame(KPI, kpis).to_arrow())
    two.replace_all(KPI, plant.frame(KPI, [utilisation("pump-9", 0, 99.0)]).to_arrow())
    as_of = datetime(2024, 3, 10, 12, tzinfo=UTC)
    life = ("plant", "engine-1", "engine", as_of, 80.0, 20.0, 12.0, 31.0, "cycles", "t50", "v1", WEEK[6])
    one.replace_all(LIFE, plant.frame(LIFE, [life]).to_arrow())
    return {slug: serving_layer.run(slug) for slug in (ONE, TWO)}


def test_one_ranged_run_a_tenant_builds_everything(
    serving_layer: Serving, built: dict[str, dg.ExecuteInProcessResult]
) -> None:
    for result in built.values():
        assert result.success
        made = {event.asset_key for event in result.get_asset_materialization_events()}
        assert made == {key for asset in serving_layer.assets for key in asset.keys}


def test_every_data_test_of_dbt_is_a_check_with_a_result(
    serving_layer: Serving, built: dict[str, dg.ExecuteInProcessResult]
) -> None:
    declared = {spec.key for asset in serving_layer.assets for spec in asset.check_specs}
    for result in built.values():
        evaluations = result.get_asset_check_evaluations()
        assert {one.asset_check_key for one in evaluations} == declared
        assert [one.check_name for one in evaluations if not one.passed] == []


def test_each_tenant_has_its_own_marts(serving_layer: Serving, built: object) -> None:
    machines = "select equipment_id from mart.equipment_reliability order by 1"
    assert [row["equipment_id"] for row in serving_layer.fetch(ONE, machines)] == ["engine-1", "pump-1", "pump-2"]
    assert [row["equipment_id"] for row in serving_layer.fetch(TWO, machines)] == ["pump-9"]


def test_reliability_counts_overlapping_faults_once(serving_layer: Serving, built: object) -> None:
    (pump,) = serving_layer.fetch(ONE, "select * from mart.equipment_reliability where equipment_id = 'pump-1'")
    assert (pump["observed_days"], pump["fault_count"], pump["open_faults"]) == (7, 3, 1)
    standing = 6.0 + (3 * 24 + 18)  # six hours on Monday, and from Thursday at six to the end of Sunday
    assert pump["fault_h"] == pytest.approx(standing)
    assert pump["mttr_h"] == pytest.approx(5.0)
    assert (pump["operating_h"], pump["mtbf_h"]) == (90.0, 30.0)
    assert (pump["health_day"], pump["anomaly_score"]) == (WEEK[6], pytest.approx(0.6))


def test_time_without_a_failure_has_no_mean(serving_layer: Serving, built: object) -> None:
    (pump,) = serving_layer.fetch(ONE, "select * from mart.equipment_reliability where equipment_id = 'pump-2'")
    assert (pump["operating_h"], pump["mtbf_h"]) == (5.0, None)


def test_a_machine_of_which_only_the_remaining_life_is_known_is_there(serving_layer: Serving, built: object) -> None:
    (engine,) = serving_layer.fetch(ONE, "select * from mart.equipment_reliability where equipment_id = 'engine-1'")
    assert (engine["life_median"], engine["life_low"], engine["life_high"]) == (20.0, 12.0, 31.0)
    assert (engine["observed_days"], engine["fault_count"], engine["mtbf_h"]) == (0, 0, None)


def test_fault_history_tells_the_first_from_the_second(serving_layer: Serving, built: object) -> None:
    rows = serving_layer.fetch(ONE, "select * from mart.fault_history order by episode_id")
    assert [(row["episode_id"], row["occurrence"]) for row in rows] == [("e1", 1), ("e2", 1), ("e3", 2)]
    assert (rows[0]["since_previous_h"], rows[2]["since_previous_h"]) == (None, 72.0)
    assert rows[2]["anomaly_score"] == pytest.approx(0.3)


def test_columns_are_described_and_keys_enforced_in_the_database(serving_layer: Serving, built: object) -> None:
    undescribed = serving_layer.fetch(
        ONE,
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_schema in ('kpi', 'staging', 'mart', 'memory', 'training') and col_description("
        "(quote_ident(table_schema) || '.' || quote_ident(table_name))::regclass, ordinal_position) is null",
    )
    assert undescribed == []
    keys = serving_layer.fetch(
        ONE,
        "select conrelid::regclass::text as name from pg_constraint"
        " where contype = 'p' and connamespace = 'mart'::regnamespace",
    )
    assert {row["name"] for row in keys} == {"mart.equipment_reliability", "mart.fault_history", "mart.kpi_trend"}


def test_memory_and_drafts_are_this_tenants(serving_layer: Serving, built: object) -> None:
    held = "select equipment_id from memory.fault_memory"
    assert {row["equipment_id"] for row in serving_layer.fetch(ONE, held)} == {"pump-1"}
    assert serving_layer.fetch(TWO, held) == []
    states = "select status, count(*) as pairs from training.candidates group by 1"
    assert serving_layer.fetch(ONE, states) == [{"status": "draft", "pairs": 4}]
    assert serving_layer.fetch(TWO, states) == []


def test_results_of_checks_outside_the_lake_are_kept_with_the_others(serving_layer: Serving, built: object) -> None:
    from lake.tables.ops import CHECK_RESULTS

    rows = Lake(serving_layer.folder).tenant(ONE).scan(CHECK_RESULTS).collect()
    found = set(rows.select("table", "check", "status").iter_rows())
    assert {("kpi.kpi_daily", "equals_the_lake", "passed"), ("memory.fault_memory", "vectors_fit", "passed")} <= found
    assert ("training.pairs", "keys_are_unique", "passed") in found


def test_no_password_stays_behind(serving_layer: Serving, built: object, installation: SimpleNamespace) -> None:
    import os

    assert [name for name in os.environ if "TENANT_DB" in name] == []
    scratch = serving_layer.databases.scratch(ONE)
    written = [path for path in scratch.rglob("*") if path.is_file()]
    assert written
    password = serving_layer.databases.dsn(ONE).split(":")[2].split("@")[0].encode()
    assert [path for path in written if password in path.read_bytes()] == []


def test_one_mart_can_be_built_alone(serving_layer: Serving, built: object) -> None:
    result = serving_layer.run(ONE, selection=dg.AssetSelection.assets(["mart", "kpi_trend"]))
    assert result.success
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == {dg.AssetKey(["mart", "kpi_trend"])}


def test_a_wrong_published_row_fails_the_run_and_names_the_test(serving_layer: Serving, built: object) -> None:
    spoil = "update kpi.remaining_life set life_low = 25"
    serving_layer.databases.work(ONE, lambda database: database.execute(spoil))
    marts = dg.AssetSelection.groups("staging", "mart")
    result = serving_layer.run(ONE, selection=marts)
    failed = [one.check_name for one in result.get_asset_check_evaluations() if not one.passed]
    assert not result.success
    assert failed == ["remaining_life_lies_in_its_interval"]
    mend = "update kpi.remaining_life set life_low = 12"
    serving_layer.databases.work(ONE, lambda database: database.execute(mend))
    assert serving_layer.run(ONE, selection=marts).success


def test_a_day_that_stands_failed_is_held_back_and_the_others_are_published(
    serving_layer: Serving, module_plant: SimpleNamespace, built: object
) -> None:
    lake, key, held = Lake(serving_layer.folder).tenant(ONE), dg.AssetKey(["kpi", "kpi_daily"]), WEEK[2]

    def checked(hour: int, *, passed: bool) -> None:
        outcome = Outcome("within_physics", passed, Severity.ERROR, "1 row", "none", days=frozenset({held} - {passed}))
        record(lake, "silver.readings", [outcome], Occasion(tuple(WEEK), "run", datetime(2024, 4, 1, hour, tzinfo=UTC)))

    def published() -> set[float]:
        sql = "select value - extract(day from date) as v from kpi.kpi_daily where equipment_id = 'pump-1'"
        rows = serving_layer.fetch(ONE, sql)
        return {float(row["v"]) for row in rows}

    kpis = [utilisation("pump-1", day, 60.0 + day) for day in range(7)]
    lake.replace_all(KPI, module_plant.frame(KPI, kpis).to_arrow())
    checked(1, passed=False)
    alone = dg.AssetSelection.assets(key)
    refused = serving_layer.run(ONE, selection=alone)
    assert not refused.success
    told = {event.partition for event in refused.get_asset_materialization_events()}
    assert told == {f"{day}|{ONE}" for day in WEEK if day != held}
    assert published() == {36.0, 56.0}
    (note,) = serving_layer.fetch(ONE, "select withheld from kpi.publication where \"table\" = 'kpi_daily'")
    assert note["withheld"] == [held]
    checked(2, passed=True)
    assert serving_layer.run(ONE, selection=alone).success
    assert published() == {56.0}
