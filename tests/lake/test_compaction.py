"""Compaction loses no commit and doubles no row, whoever appends and compacts at the same time: counted."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, date, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError, TerminalError
from lake.compaction import compact
from lake.rewriting import NAME
from lake.spec import TIME, Column, Layer, TableSpec
from lake.store import Lake, TenantLake
from lake.tables import gold

DAY = date(2026, 1, 5)
WRITERS, APPENDS, COMPACTORS = 10, 8, 2
COLUMNS = (
    Column("writer", pa.int64(), "who wrote it", nullable=False),
    Column("number", pa.int64(), "how many it wrote before", nullable=False),
    Column("ts", TIME, "some time", nullable=False),
    Column("date", pa.date32(), "the day", nullable=False),
)
ROWS = TableSpec(Layer.BRONZE, "rows", "Rows of a test.", "row", COLUMNS, ("writer", "number"), "tests")


def row(writer: int, number: int, day: date = DAY) -> pa.Table:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return pa.Table.from_pylist([{"writer": writer, "number": number, "ts": at, "date": day}], schema=ROWS.schema)


def tenant(folder: Path) -> TenantLake:
    return Lake(str(folder), checkpoint_every=7).tenant("acme-works")


def content(lake: TenantLake) -> list[tuple[int, int]]:
    return sorted(lake.scan(ROWS).select("writer", "number").collect().rows())


def _append(folder: Path, writer: int) -> None:
    for number in range(1, APPENDS + 1):
        name = f"writer-{writer}"
        tenant(folder).append(ROWS, row(writer, number), transactions={name: number}, after={name: number - 1})


def _compact(folder: Path, done: Event) -> None:
    while not done.is_set():
        compact(tenant(folder), ROWS, at_least=2)


@pytest.mark.long
def test_ten_processes_append_and_two_compact_and_every_row_is_there_once(tmp_path: Path) -> None:
    tenant(tmp_path).append(ROWS, ROWS.schema.empty_table())
    processes = multiprocessing.get_context("spawn")
    done = processes.Event()
    compactors = [processes.Process(target=_compact, args=(tmp_path, done)) for _ in range(COMPACTORS)]
    writers = [processes.Process(target=_append, args=(tmp_path, writer)) for writer in range(WRITERS)]
    for one in (*compactors, *writers):
        one.start()
    for one in writers:
        one.join()
    done.set()
    for one in compactors:
        one.join()
    assert [one.exitcode for one in (*writers, *compactors)] == [0] * (WRITERS + COMPACTORS)
    lake = tenant(tmp_path)
    assert content(lake) == [(writer, number) for writer in range(WRITERS) for number in range(1, APPENDS + 1)]
    compactions = lake.transaction_version(ROWS, NAME) or 0
    assert compactions > 0
    assert lake.version(ROWS) == 1 + WRITERS * APPENDS + compactions


def test_the_files_of_a_day_become_one_and_nothing_counts_as_changed(tmp_path: Path) -> None:
    lake = tenant(tmp_path)
    for number in range(6):
        lake.append(ROWS, row(1, number))
    before = lake.append(ROWS, row(2, 1, date(2026, 1, 6)))
    found = content(lake)
    assert compact(lake, ROWS, at_least=7) == 0
    assert compact(lake, ROWS, at_least=5) == 6
    table = lake.open(ROWS)
    assert table is not None
    assert len(table.file_uris()) == 2
    assert pq.read_schema(next(uri for uri in table.file_uris() if "compacted" in uri)).names == [
        "writer",
        "number",
        "ts",
    ]
    assert content(lake) == found
    assert lake.count(ROWS) == 7
    assert lake.days_added_since(ROWS, before) == (before + 1, [])
    assert lake.scan(ROWS, version=before).collect().height == 7
    assert compact(lake, ROWS, at_least=5) == 0


def test_a_table_that_is_rewritten_by_day_is_not_compacted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only appended to"):
        compact(tenant(tmp_path), gold.TABLES[0], at_least=2)


def test_of_two_writers_that_planned_upon_the_same_number_one_writes(tmp_path: Path) -> None:
    lake = tenant(tmp_path)
    lake.append(ROWS, row(1, 5), transactions={"lane": 5}, after={"lane": 0})
    with pytest.raises(TerminalError, match="another writer went on"):
        lake.append(ROWS, row(1, 8), transactions={"lane": 8}, after={"lane": 4})
    lake.append(ROWS, row(1, 5), transactions={"lane": 5}, after={"lane": 4})  # it has happened, and happens no more
    with pytest.raises(TerminalError, match="partly in the table"):
        lake.append(ROWS, row(1, 9), transactions={"lane": 5, "other": 1}, after={"lane": 4, "other": 0})
    assert content(lake) == [(1, 5)]
