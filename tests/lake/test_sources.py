"""A version read from its own files is what the Delta library says it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, TableFeatures
from deltalake.transaction import AddAction

from core.errors import InputError, NotFoundError
from lake.duck import Limits, select
from lake.sources import own_files, provide, speed_up
from lake.spec import TIME, Column, Layer, TableSpec
from lake.store import Lake, TenantLake
from lake.tables import TABLES

DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)
COLUMNS = (
    Column("equipment_id", pa.string(), "machine", nullable=False),
    Column("ts", TIME, "when", nullable=False),
    Column("value", pa.float64(), "value", unit="bar"),
    Column("step", pa.int64(), "step"),
    Column("date", pa.date32(), "the day", nullable=False),
)
SAMPLES = TableSpec(Layer.SILVER, "samples", "Samples.", "sample", COLUMNS, ("equipment_id", "ts"), "tests")
OTHERS = TableSpec(Layer.GOLD, "others", "Samples.", "sample", COLUMNS, ("equipment_id", "ts"), "tests")
MOMENT = datetime(2026, 1, 5, 4, 5, 6, 789, UTC)


def samples(*days: date) -> pa.Table:
    lines = [{"equipment_id": "it's", "ts": MOMENT, "value": 1.5, "step": 7, "date": day} for day in days]
    return pa.Table.from_pylist(lines, SAMPLES.schema)


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("sources-works")


def opened(lake: TenantLake, spec: TableSpec = SAMPLES) -> DeltaTable:
    table = lake.open(spec)
    assert table is not None
    return table


def read(spec: TableSpec, table: DeltaTable, files: list[str]) -> tuple[list[Any], list[Any]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        provide(connection, 0, spec, table, files)
        cursor = connection.execute(f"SELECT * FROM {spec.full_name} ORDER BY ALL")
        return [(name, str(kind)) for name, kind, *_ in cursor.description or []], cursor.fetchall()


def value_of(kind: pa.DataType) -> object:
    if pa.types.is_list(kind):
        return [value_of(kind.value_type)]
    if pa.types.is_timestamp(kind):
        return MOMENT
    if pa.types.is_date(kind):
        return DAY
    return pa.scalar(1).cast(pa.string() if pa.types.is_binary(kind) else kind).cast(kind).as_py()


def test_every_type_in_use_reads_the_same_on_both_roads(lake: TenantLake) -> None:
    kinds = {column.type: column for spec in TABLES.values() for column in spec.columns}.values()
    columns = [Column(f"c{number}", column.type, column.description) for number, column in enumerate(kinds)]
    full = {column.name: value_of(column.type) for column in columns} | {"date": DAY}
    for spec in (
        TableSpec(Layer.GOLD, "by_day", "Types.", "row", (*columns, COLUMNS[-1]), (), "tests"),
        TableSpec(Layer.GOLD, "whole", "Types.", "row", (*columns, COLUMNS[-1]), (), "tests", partition_by=()),
    ):
        bare = dict.fromkeys(full) | {"date": DAY}
        lake.append(spec, pa.Table.from_pylist([full, bare], spec.schema))
        table = opened(lake, spec)
        files = own_files(table)
        assert len(files) == 1
        assert read(spec, table, files) == read(spec, table, [])


def test_files_of_an_older_shape_have_today_s_columns(lake: TenantLake) -> None:
    early = TableSpec(Layer.SILVER, "samples", "Samples.", "sample", (*COLUMNS[:2], *COLUMNS[3:]), ("ts",), "tests")
    lake.append(early, samples(DAY).drop_columns(["value"]))
    lake.append(SAMPLES, samples(NEXT))
    narrow = Path(lake.location(SAMPLES), "date=2026-01-06", "narrow.parquet")
    part = samples(NEXT).drop_columns(["date"])
    pq.write_table(
        part.drop_columns(["value"])
        .set_column(2, "step", part["step"].cast(pa.int32()))
        .select(["ts", "step", "equipment_id"]),
        narrow,
    )
    table = opened(lake)
    action = AddAction(
        f"date=2026-01-06/{narrow.name}", narrow.stat().st_size, {"date": "2026-01-06"}, 0, True, '{"numRecords": 1}'
    )
    table.create_write_transaction([action], "append", table.schema(), partition_by=["date"])
    table = opened(lake)
    shape, rows = read(SAMPLES, table, own_files(table))
    assert (shape, rows) == read(SAMPLES, table, [])
    names = [name for name, _ in shape]
    assert sorted(str(dict(zip(names, row, strict=True))["value"]) for row in rows) == ["1.5", "None", "None"]
    assert dict(shape)["step"] == "BIGINT"


def test_a_column_that_was_declared_since_is_null(lake: TenantLake) -> None:
    lake.append(SAMPLES, samples(DAY))
    grown = replace(SAMPLES, columns=(*SAMPLES.columns, Column("label", pa.string(), "label", nullable=False)))
    table = opened(lake)
    for files in (own_files(table), []):
        shape, rows = read(grown, table, files)
        assert shape[-1] == ("label", "VARCHAR")
        assert [row[-1] for row in rows] == [None]


def test_a_version_has_its_own_files_and_no_others(lake: TenantLake) -> None:
    first = lake.replace_days(SAMPLES, samples(DAY, NEXT), [DAY, NEXT])
    lake.replace_days(SAMPLES, samples(DAY), [DAY, NEXT])
    old = lake.open(SAMPLES, first)
    assert old is not None
    assert len(own_files(old)) == 2
    assert len(own_files(opened(lake))) == 1
    assert not {*own_files(old)} & {*own_files(opened(lake))}
    assert all(Path(path).is_file() for path in own_files(old))


def test_files_that_mean_more_than_they_say_go_through_the_delta_library(lake: TenantLake, tmp_path: Path) -> None:
    lake.append(SAMPLES, samples(DAY))
    table = opened(lake)
    (path,) = own_files(table)
    elsewhere = Path(lake.location(SAMPLES), "elsewhere.parquet")
    elsewhere.hardlink_to(path)
    moved = AddAction(elsewhere.name, elsewhere.stat().st_size, {"date": "2026-01-06"}, 0, True, '{"numRecords": 1}')
    table.create_write_transaction([moved], "append", table.schema(), partition_by=["date"])
    assert own_files(opened(lake)) == []
    assert select("select date from silver.samples order by date", {SAMPLES: opened(lake)}, Limits()).rows == [
        {"date": DAY},
        {"date": NEXT},
    ]
    starred = Lake(str(tmp_path / "l*ke")).tenant("sources-works")
    starred.append(SAMPLES, samples(DAY))
    assert own_files(opened(starred)) == []
    assert select("select step from silver.samples", {SAMPLES: opened(starred)}, Limits()).rows == [{"step": 7}]
    lake.append(OTHERS, samples(DAY))
    assert len(own_files(opened(lake, OTHERS))) == 1
    opened(lake, OTHERS).alter.add_feature(TableFeatures.DeletionVectors, allow_protocol_versions_increase=True)
    assert own_files(opened(lake, OTHERS)) == []


def test_a_query_opens_the_files_of_its_tables_alone(lake: TenantLake) -> None:
    lake.append(SAMPLES, samples(DAY))
    lake.append(OTHERS, samples(DAY))
    (mine,), (other,) = own_files(opened(lake)), own_files(opened(lake, OTHERS))
    # Names that a WITH gives somewhere else pass the look at the statement; DuckDB's own lock holds behind it.
    for path in (other, f"{Path(other).parent}/*.parquet"):
        hidden = f'select o.* from "{path}" o, (with "{path}" as (select 1) select 1) where true'
        with pytest.raises(InputError, match="cannot be run") as refused:
            select(hidden, {SAMPLES: opened(lake)}, Limits())
        assert "Permission Error" in str(refused.value)
    for said in (
        f"read_parquet('{mine}')",
        f"'{mine}'",
        f"read_blob('{mine}')",
        f"system.main.parquet_metadata('{mine}')",
    ):
        with pytest.raises(InputError, match=r"query calls|query reads"):
            select(f"select * from {said}", {SAMPLES: opened(lake)}, Limits())


def test_where_files_are_is_not_told(lake: TenantLake) -> None:
    lake.append(SAMPLES, samples(DAY, NEXT))
    table = opened(lake)
    first, second = own_files(table)
    Path(first).write_bytes(b"no such format")
    with pytest.raises(InputError) as refused:
        select("select * from silver.samples", {SAMPLES: table}, Limits())
    assert lake.root not in str(refused.value)
    Path(second).unlink()
    Path(first).unlink()
    with pytest.raises(NotFoundError, match="gone"):
        select("select * from silver.samples", {SAMPLES: table}, Limits())


def test_times_are_truncated_as_ever_and_only_faster() -> None:
    parts = ("second", "minutes", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millisecond")
    values = (
        "TIMESTAMPTZ '2024-03-04 05:06:07.123456+00'",
        "TIMESTAMPTZ '1850-12-31 23:59:59.999999+02'",
        "TIMESTAMPTZ '290000-12-22 00:00:00+00'",
        "'infinity'::TIMESTAMPTZ",
        "'-infinity'::TIMESTAMPTZ",
        "NULL::TIMESTAMPTZ",
        "TIMESTAMP '2024-03-04 05:06:07'",
        "TIMESTAMP_NS '2024-03-04 05:06:07'",
        "DATE '2024-03-04'",
        "INTERVAL '90 minutes'",
    )
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        speed_up(connection)
        for part in parts:
            for value in values:
                ours, alias, theirs = (
                    connection.execute(
                        f"SELECT typeof(x), x::VARCHAR FROM (SELECT {name}('{part}', {value}) AS x)"
                    ).fetchall()
                    for name in ("date_trunc", "datetrunc", "system.main.date_trunc")
                )
                assert ours == alias == theirs, (part, value)
