"""Publishing: exactly the days, unchanged rows untouched, the note with the rows, one tenant only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.databases import TenantDatabases
from assets.serving.equality import compare, differences
from assets.serving.publish import (
    Publication,
    days_to_publish,
    lake_version,
    prepare,
    publish,
    published_state,
    rows_to_publish,
)
from assets.serving.tables import PUBLISHED, Published
from core.db import Database
from core.errors import GoldlayerError
from lake.reader import LakeReader
from lake.store import Lake, TenantLake
from lake.tables.ops import CHECK_RESULTS

KPI, _, LIFE, _ = PUBLISHED
ONE, TWO = "serving-one", "serving-two"
MONDAY = date(2024, 3, 4)
TUESDAY = MONDAY + timedelta(days=1)


def frame(spec_of: Published, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    empty = pl.from_arrow(spec_of.source.schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return pl.DataFrame(rows, schema=empty.schema, orient="row")


def kpis(day: date, **values: float) -> pl.DataFrame:
    return frame(KPI, [("plant", m, "pump", "utilisation", value, "percent", 3, day) for m, value in values.items()])


@dataclass
class Tenant:
    """A tenant's lake and database, worked on together."""

    slug: str
    lake: TenantLake
    databases: TenantDatabases

    def publish(self, published: Published, days: list[date]) -> Publication:
        async def job(database: Database) -> Publication:
            version = lake_version(self.lake, published)
            since, _ = await published_state(database, published)
            due = days_to_publish(self.lake, published, since, days)
            rows = rows_to_publish(self.lake, published, version, due)
            checks = {"unique": "passed"}
            done = await publish(database, published, rows, due, version=version, run_id="run-1", checks=checks)
            assert (await differences(database, self.lake, published, version)).passed
            return done

        return self.databases.work(self.slug, job)

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        return self.databases.work(self.slug, lambda database: database.fetch(sql))

    def values(self) -> dict[tuple[date, str], float]:
        rows = self.fetch("select date, equipment_id, value from kpi.kpi_daily")
        return {(row["date"], row["equipment_id"]): row["value"] for row in rows}


@pytest.fixture
def tenants(databases: TenantDatabases, tmp_path: Path) -> Iterator[tuple[Tenant, Tenant]]:
    async def empty(database: Database) -> None:
        await prepare(database, PUBLISHED)
        await database.execute("truncate kpi.kpi_daily, kpi.remaining_life, kpi.publication")

    for slug in (ONE, TWO):
        databases.work(slug, empty)
    lake = Lake(str(tmp_path))
    yield Tenant(ONE, lake.tenant(ONE), databases), Tenant(TWO, lake.tenant(TWO), databases)
    for slug in (ONE, TWO):
        databases.work(slug, empty)


def test_publishing_one_tenant_leaves_the_other_as_it_was(tenants: tuple[Tenant, Tenant]) -> None:
    one, two = tenants
    for tenant, value in ((one, 10.0), (two, 20.0)):
        tenant.lake.replace_days(KPI.source, kpis(MONDAY, pump=value).to_arrow(), [MONDAY])
        tenant.publish(KPI, [MONDAY])
    before = two.fetch("select *, xmin::text from kpi.kpi_daily"), two.fetch("select * from kpi.publication")
    one.lake.replace_days(KPI.source, kpis(MONDAY, pump=11.0).to_arrow(), [MONDAY])
    one.publish(KPI, [MONDAY])
    assert one.values() == {(MONDAY, "pump"): 11.0}
    assert (two.fetch("select *, xmin::text from kpi.kpi_daily"), two.fetch("select * from kpi.publication")) == before


def test_exactly_the_days_change_and_rows_the_lake_lost_go(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    both = pl.concat([kpis(MONDAY, a=1.0, b=2.0), kpis(TUESDAY, a=3.0)])
    one.lake.replace_days(KPI.source, both.to_arrow(), [MONDAY, TUESDAY])
    assert one.publish(KPI, [MONDAY, TUESDAY]).written == 3
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=5.0).to_arrow(), [MONDAY])
    done = one.publish(KPI, [MONDAY])
    assert (done.written, done.deleted, done.rows) == (1, 1, 2)
    assert one.values() == {(MONDAY, "a"): 5.0, (TUESDAY, "a"): 3.0}


def test_publishing_again_touches_no_row(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=1.0, b=2.0).to_arrow(), [MONDAY])
    one.publish(KPI, [MONDAY])
    rows = "select equipment_id, xmin::text from kpi.kpi_daily order by 1"
    before = one.fetch(rows)
    done = one.publish(KPI, [MONDAY])
    assert (done.written, done.deleted) == (0, 0)
    assert one.fetch(rows) == before


def test_a_column_declared_since_is_added_and_old_rows_lack_it(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    for day, value in ((MONDAY, 1.0), (TUESDAY, 2.0)):
        one.lake.replace_days(KPI.source, kpis(day, a=value).to_arrow(), [day])
    one.publish(KPI, [MONDAY, TUESDAY])
    one.databases.work(ONE, lambda database: database.execute("alter table kpi.kpi_daily drop column samples cascade"))
    one.databases.work(ONE, lambda database: prepare(database, PUBLISHED))
    assert {row["samples"] for row in one.fetch("select samples from kpi.kpi_daily")} == {None}
    assert one.publish(KPI, [TUESDAY]).written == 1
    rows = one.fetch("select date, samples from kpi.kpi_daily order by date")
    assert [(row["date"], row["samples"]) for row in rows] == [(MONDAY, None), (TUESDAY, 3)]


def test_a_day_that_became_empty_becomes_empty(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=1.0).to_arrow(), [MONDAY])
    one.publish(KPI, [MONDAY])
    one.lake.replace_days(KPI.source, kpis(MONDAY).to_arrow(), [MONDAY])
    assert one.publish(KPI, [MONDAY]).deleted == 1
    assert one.values() == {}


def test_days_changed_meanwhile_are_published_too_so_that_the_version_is_true(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=1.0).to_arrow(), [MONDAY])
    one.publish(KPI, [MONDAY])
    one.lake.replace_days(KPI.source, kpis(TUESDAY, a=2.0).to_arrow(), [TUESDAY])
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=3.0).to_arrow(), [MONDAY])
    done = one.publish(KPI, [MONDAY])
    assert one.values() == {(MONDAY, "a"): 3.0, (TUESDAY, "a"): 2.0}
    assert done.version == one.lake.version(KPI.source)


def test_the_note_names_version_rows_run_and_checks(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=1.0).to_arrow(), [MONDAY])
    done = one.publish(KPI, [MONDAY])
    (note,) = one.fetch("select * from kpi.publication")
    assert note.pop("at") > datetime(2024, 1, 1, tzinfo=UTC)
    assert note == {
        "table": "kpi_daily",
        "source": "gold.kpi_daily",
        "delta_version": done.version,
        "rows": 1,
        "run_id": "run-1",
        "checks": {"unique": "passed"},
        "withheld": [],
    }


def test_a_failure_leaves_rows_and_note_as_they_were(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    one.lake.replace_days(KPI.source, kpis(MONDAY, a=1.0).to_arrow(), [MONDAY])
    one.publish(KPI, [MONDAY])
    notes = one.fetch("select * from kpi.publication")
    twice = pl.concat([kpis(MONDAY, a=7.0), kpis(MONDAY, a=8.0)])
    with pytest.raises(GoldlayerError):
        one.databases.work(ONE, lambda db: publish(db, KPI, twice, [MONDAY], version=99, run_id="run-2", checks={}))
    assert one.values() == {(MONDAY, "a"): 1.0}
    assert one.fetch("select * from kpi.publication") == notes


def life(machine: str, day: date, left: float) -> tuple[object, ...]:
    as_of = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return ("plant", machine, "engine", as_of, 5.0, left, left - 9, left + 9, "cycles", "t30", "v1", day)


def test_of_remaining_life_the_latest_of_each_machine_is_kept(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    days = [MONDAY, TUESDAY]
    rows = frame(LIFE, [life("e1", MONDAY, 90.0), life("e1", TUESDAY, 89.0), life("e2", MONDAY, 40.0)])
    one.lake.replace_days(LIFE.source, rows.to_arrow(), days)
    one.publish(LIFE, [MONDAY])
    found = one.fetch("select equipment_id, date, life_median from kpi.remaining_life order by 1")
    assert [tuple(row.values()) for row in found] == [("e1", TUESDAY, 89.0), ("e2", MONDAY, 40.0)]


def test_a_lake_table_that_was_never_written_is_published_empty(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    assert one.publish(KPI, [MONDAY]) == Publication(version=-1, rows=0, written=0, deleted=0)


def test_a_difference_is_named_by_day() -> None:
    assert compare({MONDAY: 3}, {MONDAY: 3}) == []
    assert compare({MONDAY: 3}, {MONDAY: 2, TUESDAY: 1}) == [
        "2024-03-04: 3 rows published, 2 in the lake",
        "2024-03-05: 0 rows published, 1 in the lake",
    ]


def test_the_latest_result_of_each_check_counts(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant(ONE)
    at = datetime(2024, 3, 4, tzinfo=UTC)
    rows = [
        ("gold.kpi_daily", "unique", "failed", "error", "2", "0", MONDAY, MONDAY, None, "r1", at, None, MONDAY),
        (
            "gold.kpi_daily",
            "unique",
            "passed",
            "error",
            "0",
            "0",
            MONDAY,
            MONDAY,
            None,
            "r2",
            at + timedelta(1),
            None,
            TUESDAY,
        ),
        ("gold.baseline", "fresh", "warned", "warn", "0", "0", MONDAY, MONDAY, None, "r2", at, None, MONDAY),
    ]
    empty = pl.from_arrow(CHECK_RESULTS.schema.empty_table())
    lake.append(CHECK_RESULTS, pl.DataFrame(rows, schema=empty.schema, orient="row").to_arrow())
    assert LakeReader(lake).checks("gold.kpi_daily") == {"unique": "passed"}
    assert LakeReader(lake).checks("gold.health_daily") == {}
