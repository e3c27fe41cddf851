"""Rows that are alike come to stand side by side, along a Z-curve: a query for one signal reads little else.

A file is laid once; what arrives afterwards is laid with what else is new. Memory is bounded by the rows of one file.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lake.rewriting import File, batches, files_of, partition_of, storage, stored_schema, swap
from lake.spec import TableSpec
from lake.store import TenantLake

Ranks = np.ndarray[tuple[int], np.dtype[np.int64]]
_MARK = "-clustered.zstd.parquet"
"""How the name of a file ends whose rows are laid."""
_FILE_ROWS = 1 << 20
_GROUP_ROWS = 1 << 16
"""A reader skips whole row groups; a file of one has nothing to skip."""
_SMALL_BYTES = 8 << 20
_BITS = 63


def cluster(tables: TenantLake, spec: TableSpec, *, before_ms: int) -> int:
    """Lay the rows of every partition that has files to gain from it; the same rows, no day counts as changed.

    Args:
        tables: the tenant's.
        spec: any table.
        before_ms: leave partitions alone that were written after this moment, milliseconds of the epoch: they are
            likely to be written again.

    Returns:
        Files taken away; those of a partition that somebody else rewrote meanwhile do not count.
    """
    table = tables.open(spec)
    if table is None:
        return 0
    gone = 0
    for partition in sorted(_worthwhile(files_of(table), before_ms)):
        fresh = tables.open(spec)
        files = _worthwhile(files_of(fresh), before_ms).get(partition, []) if fresh is not None else []
        if fresh is not None and files:
            gone += _lay(fresh, tables, spec, files)
    return gone


def _worthwhile(files: Sequence[File], before_ms: int) -> dict[str, list[File]]:
    """Files to lay by partition: new ones if they are several or large, and with them what is still small."""
    partitions: dict[str, list[File]] = defaultdict(list)
    for file in files:
        partitions[partition_of(file)].append(file)
    found: dict[str, list[File]] = {}
    for partition, all_of_it in partitions.items():
        open_ones = [one for one in all_of_it if not one["path"].endswith(_MARK) or one["size_bytes"] < _SMALL_BYTES]
        new = [one for one in open_ones if not one["path"].endswith(_MARK)]
        rows = sum(one["num_records"] or 0 for one in new)
        if new and (len(open_ones) > 1 or rows > _GROUP_ROWS) and max(map(_written_ms, all_of_it)) < before_ms:
            found[partition] = open_ones
    return found


def _written_ms(file: File) -> int:
    at = file["modification_time"]
    return at if isinstance(at, int) else int(at.timestamp() * 1000)


def _lay(table: DeltaTable, tables: TenantLake, spec: TableSpec, gone: Sequence[File]) -> int:
    stored, files = stored_schema(spec), storage(tables, spec)
    folder = partition_of(gone[0])
    new: dict[str, int] = {}
    for rows in batches(files, [unquote(one["path"]) for one in gone], stored, _FILE_ROWS):
        name = f"part-{uuid.uuid4()}{_MARK}"
        path = f"{folder}/{name}" if folder else name
        with files.open_output_stream(path) as stream:
            pq.write_table(along_z(rows, spec.cluster_by), stream, compression="zstd", row_group_size=_GROUP_ROWS)
        new[path] = rows.num_rows
    return len(gone) if swap(table, tables, spec, gone, new, what="cluster") else 0


def along_z(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The same rows in the order of a Z-curve through the ranks of some columns, those that are missing left out."""
    names = [name for name in columns if name in rows.column_names]
    if not names or rows.num_rows < 2:
        return rows
    frame = pl.DataFrame(rows.select(names))
    ranks = frame.select(pl.col(name).rank("dense").fill_null(0).cast(pl.Int64) for name in names)
    curve = interleaved([ranks[name].to_numpy() for name in names])
    return rows.take(pa.array(np.argsort(curve, kind="stable")))


def interleaved(ranks: Sequence[Ranks]) -> Ranks:
    """The bits of several numbers a row in turn, highest first, each number stretched over the same bits."""
    width = min(_BITS // len(ranks), 21)
    top = (1 << width) - 1
    stretched = [(rank * (top / max(int(rank.max()), 1))).astype(np.int64) for rank in ranks]
    curve = np.zeros(len(ranks[0]), dtype=np.int64)
    for bit in reversed(range(width)):
        for one in stretched:
            curve = (curve << 1) | ((one >> bit) & 1)
    return curve
