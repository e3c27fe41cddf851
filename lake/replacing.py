"""Days of a table are replaced part by part: what is in memory is one part, what readers see is one commit.

The files are written first, and nobody refers to them until the commit names them beside those it takes away. The
library's own writer holds on to what it is given, so a day would be in memory after all.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import polars as pl
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from core.errors import InputError
from lake.object_store import error_of
from lake.rewriting import files_of, storage
from lake.spec import TableSpec
from lake.store import TenantLake

NAME = "replacement"
"""Application id under which such commits of a table are numbered: of two at the same time the store takes one."""
_TEXT_CHARS = 32
_HIGHEST = "\U0010ffff"
_GROUP_ROWS = 1 << 17
"""A reader skips whole row groups, so a machine's rows are found among those of all."""


def replace_days(tables: TenantLake, spec: TableSpec, parts: Iterable[pl.DataFrame], days: Sequence[date]) -> int:
    """Make exactly these days hold the rows of all parts, in one commit; other days are not touched.

    Args:
        tables: the tenant's.
        spec: a table partitioned by day.
        parts: at least the table's columns; each is written as it comes, in its order.
        days: the days to replace; one without rows becomes empty.

    Returns:
        The version after the commit.

    Raises:
        InputError: a row lies outside `days` or does not fit the table; nothing is changed.
        TransientError: the store does not answer, or the commit collided every time.
        TerminalError: the store refuses.
    """
    if spec.partition_by != ("date",) or not days:
        raise InputError("no day to replace" if not days else "table is not partitioned by day", where=spec.full_name)
    tables.commit(spec, lambda _: None)  # there is a table, with every column declared
    added: list[AddAction | RemoveAction] = list(_written(tables, spec, parts, set(days)))
    listed, written, tried = sorted({day.isoformat() for day in days}), {one.path for one in added}, False

    def commit(target: DeltaTable) -> None:
        nonlocal tried
        # The store may have taken a commit whose answer was lost; the same files would be added and taken away at once.
        if tried and written and written <= {str(one["path"]) for one in files_of(target)}:
            return
        tried = True
        number = Transaction(NAME, (target.transaction_version(NAME) or 0) + 1)
        target.create_write_transaction(
            added,
            "overwrite",
            target.schema(),
            partition_by=["date"],
            partition_filters=[("date", "in", listed)],
            commit_properties=CommitProperties(app_transactions=[number]),
        )
        target.update_incremental()

    return tables.commit(spec, commit)


def _written(
    tables: TenantLake, spec: TableSpec, parts: Iterable[pl.DataFrame], days: set[date]
) -> Iterator[AddAction]:
    """A part is written while the next one is made: two are in memory, and neither waits for the other."""
    files, where = storage(tables, spec), tables.location(spec)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="replace") as writer:
        begun: list[Future[AddAction]] = []
        for part in parts:
            by_day = _by_day(spec, part, days)
            yield from (one.result() for one in begun)
            begun = [writer.submit(_file, files, where, spec, str(day), rows) for day, rows in by_day.items()]
        yield from (one.result() for one in begun)


def _by_day(spec: TableSpec, part: pl.DataFrame, days: set[date]) -> dict[date, pl.DataFrame]:
    found = {day: rows for (day,), rows in part.select(spec.schema.names).partition_by("date", as_dict=True).items()}
    if beyond := sorted(found.keys() - days):
        raise InputError(
            "rows lie outside the days to replace",
            expected=", ".join(map(str, sorted(days))),
            received=", ".join(map(str, beyond)),
            where=spec.full_name,
        )
    return found


def _file(files: pafs.FileSystem, where: str, spec: TableSpec, day: str, rows: pl.DataFrame) -> AddAction:
    stored = _fitting(spec, rows)
    path = f"date={day}/part-{uuid.uuid4()}.parquet"
    try:
        files.create_dir(f"date={day}")
        with files.open_output_stream(path) as stream:
            pq.write_table(
                stored.to_arrow(), stream, compression="zstd", row_group_size=_GROUP_ROWS, store_schema=False
            )
        size = int(files.get_file_info(path).size)
    except OSError as error:
        raise error_of(error, where) from error
    return AddAction(path, size, {"date": day}, int(time.time() * 1000), data_change=True, stats=_stats(stored))


def _fitting(spec: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that stand in a file under their declared types."""
    kinds = pl.DataFrame(spec.schema.empty_table()).schema
    try:
        stored = rows.drop("date").cast({name: kind for name, kind in kinds.items() if name != "date"})
    except pl.exceptions.PolarsError as error:
        raise InputError("a column has another type", received=str(error), where=spec.full_name) from error
    required = [column.name for column in spec.columns if not column.nullable and column.name != "date"]
    nulls = [name for name in required if stored[name].null_count()]
    if nulls:
        raise InputError("null where none is allowed", received=", ".join(nulls), where=spec.full_name)
    return stored


def _stats(rows: pl.DataFrame) -> str:
    """Statistics of a file (Delta protocol, *Per-file Statistics*), by which readers leave it out.

    Every column has them unless it is null throughout: readers take a column that lacks them for one of nulls.
    """
    lows, highs = (row.to_dicts()[0] for row in (rows.select(pl.all().min()), rows.select(pl.all().max())))
    floats = [name for name, kind in rows.schema.items() if kind.is_float()]
    endless = [name for name in floats if not rows[name].is_finite().all()]
    lows |= dict.fromkeys(endless, -sys.float_info.max)
    highs |= dict.fromkeys(endless, sys.float_info.max)
    return json.dumps(
        {
            "numRecords": rows.height,
            "minValues": {name: _said(value, "") for name, value in lows.items() if value is not None},
            "maxValues": {name: _said(value, _HIGHEST) for name, value in highs.items() if value is not None},
            "nullCount": {name: rows[name].null_count() for name in rows.columns},
        }
    )


def _said(value: Any, beyond: str) -> Any:
    """A bound as JSON; a long text is cut, and goes on with what lies `beyond` all that may follow."""
    match value:
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case str() if len(value) > _TEXT_CHARS:
            return value[:_TEXT_CHARS] + beyond
        case _:
            return value
