"""DuckDB that knows some tables and can reach no other file, network or tenant: where every SELECT runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from deltalake import DeltaTable

from core.errors import GoldlayerError, InputError, NotFoundError, TransientError
from lake.sources import own_files, provide, speed_up
from lake.spec import TableSpec
from lake.statement import first_line, require_known, require_one_select

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take.

    Attributes:
        rows: rows an answer holds at most.
        timeout_s: a query that takes longer is interrupted.
        memory: what DuckDB may use.
    """

    rows: int = 50_000
    timeout_s: float = 60.0
    memory: str = "1GB"


@dataclass(frozen=True, slots=True)
class Found:
    """What a query gave.

    Attributes:
        columns: names, in order.
        rows: by column.
        truncated: True if there are more rows than the limit let through.
    """

    columns: list[str]
    rows: list[Row]
    truncated: bool


def select(sql: str, tables: Mapping[TableSpec, DeltaTable], limits: Limits) -> Found:
    """Run one SELECT over tables, each under its full name and at the version it was opened at.

    Raises:
        InputError: it is not one SELECT over these tables, or two of its columns have one name.
        NotFoundError: files of a version are gone.
        TransientError: it took too long.
    """
    require_one_select(sql)
    with duckdb.connect(":memory:") as connection:
        require_known(connection, sql, [spec.full_name for spec in tables])
        _prepare(connection, limits.memory)
        watch = threading.Timer(limits.timeout_s, connection.interrupt)
        watch.start()
        files = {spec: own_files(table) for spec, table in tables.items()}
        allowed = [path for each in files.values() for path in each]
        try:
            for number, (spec, table) in enumerate(tables.items()):
                provide(connection, number, spec, table, files[spec])
            _lock_down(connection, allowed)
            cursor = connection.execute(sql)
            columns = [str(column[0]) for column in cursor.description or []]
            found = cursor.fetchmany(limits.rows + 1)
        except duckdb.InterruptException as error:
            raise TransientError(
                "query took too long", expected=f"at most {limits.timeout_s:g} s", where=first_line(sql)
            ) from error
        except duckdb.Error as error:
            raise _refused(sql, error, tables.values(), allowed) from error
        finally:
            watch.cancel()
    if len(set(columns)) < len(columns):
        raise InputError(
            "two columns have one name", received=", ".join(columns), where=first_line(sql), next_step="use AS"
        )
    rows = [dict(zip(columns, row, strict=True)) for row in found[: limits.rows]]
    return Found(columns, rows, len(found) > limits.rows)


def _refused(sql: str, error: duckdb.Error, tables: Iterable[DeltaTable], files: Iterable[str]) -> GoldlayerError:
    said = str(error)
    if "FileNotFoundError" in said or (isinstance(error, duckdb.IOException) and not all(map(os.path.exists, files))):
        return NotFoundError("files of this version are gone", next_step="ask for a later version")
    for table in tables:  # where they are is nobody's affair who asks
        said = said.replace(table.table_uri.removeprefix("file://"), "")
    return InputError("query cannot be run", received=first_line(said), where=first_line(sql))


def _prepare(connection: duckdb.DuckDBPyConnection, memory: str) -> None:
    for statement in (
        f"SET memory_limit = '{memory}'",
        "SET threads = 2",
        "SET TimeZone = 'UTC'",
        "SET temp_directory = ''",
        "SET parquet_metadata_cache = true",
        "SET python_enable_replacements = false",
        "SET autoload_known_extensions = false",
        "SET autoinstall_known_extensions = false",
    ):
        connection.execute(statement)
    speed_up(connection)


def _lock_down(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    """No file but these, no network, no extensions, UTC; and no way to switch any of it back on."""
    connection.execute("SET allowed_paths = ?", [list(files)])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
