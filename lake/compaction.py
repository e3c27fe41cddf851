"""Many small files of a day become few; the sink does it to bronze, which it fills by many small commits."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import DeltaTable

from core.errors import InputError
from lake.rewriting import File, files_of, padded, storage, stored_schema, swap
from lake.spec import Layer, TableSpec
from lake.store import TenantLake

_FULL_BYTES = 32 << 20


def compact(tables: TenantLake, spec: TableSpec, *, at_least: int) -> int:
    """Rewrite every day that has gathered many small files; the same rows, no day counts as changed.

    The old files stay where they are: versions before this one can still be read.

    Args:
        tables: the tenant's.
        spec: a bronze table; others are rewritten by day anyway.
        at_least: small files of one day that make a rewrite worth its while.

    Returns:
        Files taken away; 0 also if another rewrite was quicker.

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
    for file in files_of(table):
        taken = days[str(file["partition.date"])]
        if file["size_bytes"] < _FULL_BYTES // 2 and sum(one["size_bytes"] for one in taken) < _FULL_BYTES:
            taken.append(file)
    return {day: files for day, files in days.items() if len(files) >= at_least}


def _rewrite(table: DeltaTable, tables: TenantLake, spec: TableSpec, day: str, small: Sequence[File]) -> int:
    path = f"date={day}/part-{uuid.uuid4()}-compacted.zstd.parquet"
    rows = _copy(storage(tables, spec), [unquote(one["path"]) for one in small], path, stored_schema(spec))
    return len(small) if swap(table, tables, spec, small, {path: rows}, what="compact") else 0


def _copy(files: pafs.FileSystem, sources: Sequence[str], target: str, stored: pa.Schema) -> int:
    """Append files to one another, a file in memory at a time.

    Returns:
        Rows copied.
    """
    rows = 0
    with files.open_output_stream(target) as stream, pq.ParquetWriter(stream, stored, compression="zstd") as writer:
        for source in sources:
            part = padded(pq.ParquetFile(files.open_input_file(source)).read(), stored)
            writer.write_table(part)
            rows += part.num_rows
    return rows
