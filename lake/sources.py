"""How DuckDB comes to a version of a table: through its own Parquet reader where that gives the same rows, else Arrow.

DuckDB reads files several times faster than what the Delta library hands it. It may where a file means what it says:
on this machine, without deletion vectors or mapped columns, and in the folder of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from glob import has_magic
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from lake.growth import widened
from lake.rewriting import files_of
from lake.spec import TableSpec

_SQL = load_queries("lake", "duck.sql")
_READER_VERSION = 1
"""Of the Delta protocol: what is higher needs more than the files to be read."""


def provide(
    connection: duckdb.DuckDBPyConnection, number: int, spec: TableSpec, table: DeltaTable, files: Sequence[str]
) -> None:
    """Make a version readable under the table's full name; columns declared since are null.

    Args:
        connection: may still reach files.
        number: of the table in its query.
        spec: the table.
        table: at the version to read.
        files: what `own_files` says of it.
    """
    source, variable = f"source_{number}", f"files_{number}"
    schema = widened(spec, table, pa.schema(table.schema().to_arrow()))
    words = {
        "view": quote_identifier(spec.layer.value, spec.name),
        "columns": ", ".join(quote_identifier(name) for name in schema.names),
        "source": source,
        "files": variable,
    }
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(spec.layer.value)}")
    if files:
        connection.register(source, schema.empty_table())
        connection.execute(f"SET VARIABLE {variable} = ?", [list(files)])
        road = "files_by_day" if table.metadata().partition_columns else "files"
    else:
        rows = table.to_pyarrow_dataset()
        connection.register(source, rows.replace_schema(widened(spec, table, rows.schema)))
        road = "arrow"
    connection.execute(_SQL[road].format(**words))


def own_files(table: DeltaTable) -> list[str]:
    """Paths of a version's files, if DuckDB can read them by itself; none if they mean more than they say."""
    place = urlsplit(table.table_uri)
    days = table.metadata().partition_columns
    if place.scheme not in ("", "file") or days not in ([], ["date"]):
        return []
    if table.protocol().min_reader_version != _READER_VERSION:
        return []
    root = unquote(place.path).rstrip("/")
    if has_magic(root) or not Path(root).is_dir():
        return []
    added = files_of(table)
    paths = [unquote(str(one["path"])) for one in added]
    dates = [one["partition.date"] if days else None for one in added]
    if not all(map(_is_plain, paths, dates)):
        return []
    return [f"{root}/{path}" for path in paths]


def speed_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection, whose time zone is UTC, truncate times faster."""
    for name in ("date_trunc", "datetrunc"):
        connection.execute(_SQL["truncate"].format(name=name))


def _is_plain(path: str, day: date | None) -> bool:
    folder, _, name = path.rpartition("/")
    return folder == (f"date={day}" if day else "") and not has_magic(name) and "\\" not in name
