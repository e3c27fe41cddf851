"""Many small files of a day become few, beside live appends and other compactions.

The library's own compaction is not used: its commit looks at nothing that was committed meanwhile, and two of them at
once leave every row of their files doubled. Here a compaction names the files it takes away and carries the next number
of the table's compactions as an application transaction, so that of two at the same time the store takes one; an append
names no file and is in nobody's way.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from core.errors import InputError
from core.log import get_logger
from lake.spec import Layer, TableSpec
from lake.store import TenantLake

NAME = "compaction"
"""Application id under which the compactions of a table are numbered."""
_FULL_BYTES = 32 << 20
_log = get_logger("lake")

File = dict[str, Any]


def compact(tables: TenantLake, spec: TableSpec, *, at_least: int) -> int:
    """Rewrite every day that has gathered many small files; the same rows, no day counts as changed.

    The old files stay where they are: versions before this one can still be read.

    Args:
        tables: the tenant's.
        spec: a bronze table; others are rewritten by day anyway.
        at_least: small files of one day that make a rewrite worth its while.

    Returns:
        Files taken away; 0 also if another compaction was quicker.

    Raises:
        InputError: the table is not of bronze.
        TransientError: the table cannot be opened.
    """
    if spec.layer is not Layer.BRONZE:
        raise InputError("only tables that are only appended to are compacted", where=spec.full_name)
    gone = 0
    for day in _worthwhile(tables, spec, at_least):
        table = tables.open(spec)
        small = _small(table, at_least).get(day, []) if table is not None else []
        if table is not None and small:
            gone += _rewrite(table, tables, spec, day, small)
    return gone


def _worthwhile(tables: TenantLake, spec: TableSpec, at_least: int) -> list[str]:
    table = tables.open(spec)
    return [] if table is None else sorted(_small(table, at_least))


def _small(table: DeltaTable, at_least: int) -> dict[str, list[File]]:
    """Days with enough small files, each with as many of those as fill one."""
    days: dict[str, list[File]] = defaultdict(list)
    for file in pa.table(table.get_add_actions(flatten=True)).to_pylist():
        taken = days[str(file["partition.date"])]
        if file["size_bytes"] < _FULL_BYTES // 2 and sum(one["size_bytes"] for one in taken) < _FULL_BYTES:
            taken.append(file)
    return {day: files for day, files in days.items() if len(files) >= at_least}


def _rewrite(table: DeltaTable, tables: TenantLake, spec: TableSpec, day: str, small: Sequence[File]) -> int:
    files = pafs.PyFileSystem(DeltaStorageHandler(tables.location(spec), tables.storage_options or None))
    path = f"date={day}/part-{uuid.uuid4()}-compacted.zstd.parquet"
    rows = _copy(files, [unquote(one["path"]) for one in small], path, spec)
    now = int(time.time() * 1000)
    partition: dict[str, str | None] = {"date": day}
    size = int(files.get_file_info(path).size)
    added = AddAction(path, size, partition, now, data_change=False, stats=json.dumps({"numRecords": rows}))
    removed = [RemoveAction(one["path"], False, now, one["size_bytes"], partition) for one in small]
    number = Transaction(NAME, (table.transaction_version(NAME) or 0) + 1)
    try:
        table.create_write_transaction(
            [added, *removed],
            "append",
            table.schema(),
            partition_by=list(spec.partition_by),
            commit_properties=CommitProperties(app_transactions=[number]),
        )
    except DeltaError as error:
        # Nothing refers to the new file: that costs space and no row.
        _log.info("compaction gave way", action="compact", table=spec.full_name, day=day, error=str(error))
        return 0
    _log.info("small files are one", action="compact", table=spec.full_name, day=day, files=len(small), rows=rows)
    return len(small)


def _copy(files: pafs.FileSystem, sources: Sequence[str], target: str, spec: TableSpec) -> int:
    """Append files to one another, a file in memory at a time.

    Returns:
        Rows copied.
    """
    stored = pa.schema([field for field in spec.schema if field.name not in spec.partition_by])
    rows = 0
    with files.open_output_stream(target) as stream, pq.ParquetWriter(stream, stored, compression="zstd") as writer:
        for source in sources:
            part = _padded(pq.ParquetFile(files.open_input_file(source)).read(), stored)
            writer.write_table(part)
            rows += part.num_rows
    return rows


def _padded(part: pa.Table, stored: pa.Schema) -> pa.Table:
    """A file under today's columns; those declared later are null."""
    for field in stored:
        if field.name not in part.column_names:
            part = part.append_column(field.name, pa.nulls(part.num_rows, field.type))
    return part.select(stored.names).cast(stored)
