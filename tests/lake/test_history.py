"""Commits in words, and the version that stood at a moment."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from core.errors import InputError, NotFoundError
from lake.duck import Limits
from lake.exploring import explore
from lake.history import commits, version_at
from lake.spec import Column, Layer, TableSpec
from lake.statement import tables_of
from lake.store import Lake, TenantLake
from lake.tables import TABLES

DAYS = [date(2026, 3, day) for day in (1, 2, 3)]
COLUMNS = (
    Column("signal", pa.string(), "signal", nullable=False),
    Column("value", pa.float64(), "value", unit="bar"),
    Column("date", pa.date32(), "the day", nullable=False),
)
PRESSURES = TableSpec(Layer.GOLD, "pressures", "Pressures.", "signal, date", COLUMNS, ("signal", "date"), "tests")
LIMITS = TableSpec(Layer.GOLD, "limits", "Limits.", "signal, date", COLUMNS, ("signal", "date"), "tests")


def rows(value: float, *days: date) -> pa.Table:
    return pa.Table.from_pylist([{"signal": "p1", "value": value, "date": day} for day in days], PRESSURES.schema)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TenantLake:
    for spec in (PRESSURES, LIMITS):
        monkeypatch.setitem(TABLES, spec.full_name, spec)
    return Lake(str(tmp_path)).tenant("history-works")


def test_every_commit_is_told_in_words(lake: TenantLake) -> None:
    lake.append(PRESSURES, rows(1, *DAYS), transactions={"sink": 1})
    lake.append(PRESSURES, rows(1)[:0], transactions={"sink": 2})
    lake.replace_days(PRESSURES, rows(2, DAYS[0], DAYS[1]), DAYS[:2])
    lake.replace_days(PRESSURES, rows(2)[:0], [DAYS[2]])
    wider = replace(PRESSURES, columns=(*COLUMNS, Column("alarm", pa.bool_(), "raised")))
    lake.append(wider, rows(3, DAYS[2]).append_column("alarm", pa.array([True])))
    told = {one.version: one.words for one in commits(lake, PRESSURES, 20)}
    assert list(told) == [6, 5, 4, 3, 2, 1, 0]
    assert told[0] == "made, with 3 columns"
    assert told[1] == "3 rows of 2026-03-01 to 2026-03-03 added in 3 files"
    assert told[2] == "no rows; notes how far a writer has come"
    assert told[3] == "rows of 2026-03-01 to 2026-03-02 replaced by 2 rows in 2 files"
    assert told[4] == "rows of 2026-03-03 removed with 1 file"
    assert told[5] == "columns added, null in older rows: alarm"
    assert told[6] == "1 row of 2026-03-03 added in 1 file"
    assert [one.version for one in commits(lake, PRESSURES, 2)] == [6, 5]
    assert not next(one for one in commits(lake, PRESSURES, 20) if one.version == 2).changes_data
    with pytest.raises(NotFoundError, match="nothing was written"):
        commits(lake, LIMITS, 1)


def test_a_moment_finds_the_version_that_stood_then(lake: TenantLake) -> None:
    for value in range(9):
        lake.replace_days(PRESSURES, rows(value, DAYS[0]), [DAYS[0]])
        time.sleep(0.002)  # commits are told apart by the millisecond
    tick = timedelta(milliseconds=1)
    times = {version: lake.committed_at(PRESSURES, version) for version in range(10)}
    assert {version_at(lake, PRESSURES, at) for at in (times[9], datetime.now(UTC))} == {9}
    for version in range(1, 9):
        assert version_at(lake, PRESSURES, times[version + 1] - tick) == version
    with pytest.raises(NotFoundError, match="no version of that time"):
        version_at(lake, PRESSURES, times[0] - tick)


def test_what_was_replaced_is_read_as_it_stood(lake: TenantLake) -> None:
    first = lake.replace_days(PRESSURES, rows(1, *DAYS), DAYS)
    lake.replace_days(LIMITS, rows(10, *DAYS), DAYS)
    time.sleep(0.002)
    between = datetime.now(UTC)
    time.sleep(0.002)
    lake.replace_days(PRESSURES, rows(2, *DAYS), DAYS)
    lake.replace_days(LIMITS, rows(20, *DAYS), DAYS)
    joined = "select sum(p.value) as p, sum(l.value) as l from gold.pressures p join gold.limits l using (signal, date)"
    assert explore(lake, joined).found.rows == [{"p": 6.0, "l": 60.0}]
    then = explore(lake, joined, at=between)
    assert then.found.rows == [{"p": 3.0, "l": 30.0}]
    assert {one.table: one.version for one in then.sources} == {"gold.pressures": 1, "gold.limits": 1}
    one = "select sum(value) as p from gold.pressures"
    assert explore(lake, one, version=first).found.rows == [{"p": 3.0}]
    assert explore(lake, "select 1 as one").found.rows == [{"one": 1}]
    capped = explore(lake, "select date from gold.pressures order by date", limits=Limits(rows=2)).found
    assert (len(capped.rows), capped.truncated) == (2, True)
    for sql, moment in ((joined, None), (one, between)):
        with pytest.raises(InputError):
            explore(lake, sql, version=first, at=moment)
    with pytest.raises(NotFoundError, match="no such version"):
        explore(lake, one, version=99)
    with pytest.raises(NotFoundError, match="no such table"):
        explore(lake, "select * from gold.nothing")


def test_the_tables_of_a_query_are_those_it_reads() -> None:
    sql = 'with q as (select * from "Silver".readings) select * from q where exists (select 1 from ops.books) -- gold.x'
    assert tables_of(sql) == ["ops.books", "silver.readings"]
    assert tables_of("select 'gold.kpi_daily' as text") == []
    with pytest.raises(InputError):
        tables_of("drop table gold.kpi_daily")


def test_no_file_and_no_other_tenant_is_reached(lake: TenantLake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path)).tenant("other-works")
    other.replace_days(PRESSURES, rows(7, DAYS[0]), DAYS[:1])
    lake.replace_days(PRESSURES, rows(1, DAYS[0]), DAYS[:1])
    folder = other.location(PRESSURES)
    for sql in (
        f"select * from read_parquet('{folder}/**/*.parquet')",
        f"select * from '{folder}/date=2026-03-01/*.parquet'",
        f"select *, (select count(*) from glob('{tmp_path}/**')) from gold.pressures",
        f"attach '{tmp_path}/x.db' as x",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        "install httpfs",
        "select * from gold.pressures; select 1",
        "select * from source_1",
        "set enable_external_access = true",
    ):
        with pytest.raises(InputError):
            explore(lake, sql)
    assert not (tmp_path / "out.csv").exists()
