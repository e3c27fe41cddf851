"""Files of a table become other files with the same rows, beside live writers and other rewrites.

The library's own rewriting is not used: its commit looks at nothing that was committed meanwhile, and two of them at
once leave every row of their files doubled. Here a commit names the files it takes away and carries the next number of
the table's rewrites as an application transaction, so that of two at the same time the store takes one; an append names
no file and is in nobody's way, and of a rewrite and a rebuild of the same day the store takes the first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from core.log import get_logger
from lake.spec import TableSpec
from lake.store import TenantLake

NAME = "compaction"
"""Application id under which the rewrites of a table are numbered."""
_log = get_logger("lake")

File = dict[str, Any]
"""A data file as the Delta log has it: `path`, `size_bytes`, `num_records` and `partition.<column>`."""


def files_of(table: DeltaTable) -> list[File]:
    """The data files of a version."""
    # Not through pyarrow, which imports pandas for its times: a second of each command.
    return pl.DataFrame(table.get_add_actions(flatten=True)).to_dicts()


def partition_of(file: File) -> str:
    """The folder of a file within its table, `date=2026-11-21`; empty where a table has no partitions."""
    return unquote(str(file["path"])).rpartition("/")[0]


def storage(tables: TenantLake, spec: TableSpec) -> pafs.FileSystem:
    """The files of a table."""
    return pafs.PyFileSystem(DeltaStorageHandler(tables.location(spec), tables.storage_options or None))


def stored_schema(spec: TableSpec) -> pa.Schema:
    """The columns that stand in a file: all but the partitions."""
    return pa.schema([field for field in spec.schema if field.name not in spec.partition_by])


def padded(part: pa.Table, stored: pa.Schema) -> pa.Table:
    """Rows of a file under today's columns; those declared later are null."""
    for field in stored:
        if field.name not in part.column_names:
            part = part.append_column(field.name, pa.nulls(part.num_rows, field.type))
    return part.select(stored.names).cast(stored)


def swap(
    table: DeltaTable, tables: TenantLake, spec: TableSpec, gone: Sequence[File], new: Mapping[str, int], *, what: str
) -> bool:
    """Take files of one partition away and put others with the same rows in their place, in one commit.

    Args:
        table: the version at which the files were read.
        tables: the tenant's.
        spec: the table.
        gone: files to take away.
        new: rows of each new file, by its path within the table; already written.
        what: kind of rewrite, for the log.

    Returns:
        False if another commit was quicker; nothing refers to the new files then, which costs space and no row.
    """
    now = int(time.time() * 1000)
    files = storage(tables, spec)
    partition = {name: _partition_value(gone[0], name) for name in spec.partition_by}
    added = [
        AddAction(
            path,
            int(files.get_file_info(path).size),
            partition,
            now,
            data_change=False,
            stats=json.dumps({"numRecords": rows}),
        )
        for path, rows in new.items()
    ]
    removed = [RemoveAction(one["path"], False, now, one["size_bytes"], partition) for one in gone]
    number = Transaction(NAME, (table.transaction_version(NAME) or 0) + 1)
    try:
        with tables.turn(spec) as alone:
            if alone and tables.version(spec) != table.version():
                raise CommitFailedError("the store would not notice that another commit came first")
            table.create_write_transaction(
                [*added, *removed],
                "append",
                table.schema(),
                partition_by=list(spec.partition_by),
                commit_properties=CommitProperties(app_transactions=[number]),
            )
    except DeltaError as error:
        _log.info("rewrite gave way", action=what, table=spec.full_name, partition=partition, error=str(error))
        return False
    done = {"files": len(gone), "rows": sum(new.values())}
    _log.info("files are rewritten", action=what, table=spec.full_name, partition=partition, **done)
    return True


def _partition_value(file: File, name: str) -> str | None:
    value = file[f"partition.{name}"]
    return None if value is None else str(value)


def batches(files: pafs.FileSystem, paths: Sequence[str], stored: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """The rows of some files, `rows` at a time across files: what is in memory does not grow with a day."""
    import pyarrow.parquet as pq

    held: list[pa.Table] = []
    count = 0
    for path in paths:
        for batch in pq.ParquetFile(files.open_input_file(path)).iter_batches(min(rows, 1 << 16)):
            held.append(padded(pa.Table.from_batches([batch]), stored))
            count += batch.num_rows
            if count >= rows:
                yield pa.concat_tables(held)
                held, count = [], 0
    if count:
        yield pa.concat_tables(held)
