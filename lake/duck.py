"""DuckDB that knows some tables and can reach no file, no network and no other tenant: where every SELECT runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
from deltalake import DeltaTable

from core.errors import InputError, NotFoundError, TransientError
from lake.spec import TableSpec
from lake.statement import first_line, require_one_select

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
        for number, (spec, table) in enumerate(tables.items()):
            connection.register(f"source_{number}", table.to_pyarrow_dataset())
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{spec.layer.value}"')
            view = f'CREATE VIEW "{spec.layer.value}"."{spec.name}" AS SELECT * FROM "source_{number}"'  # noqa: S608  declared names
            connection.execute(view)
        _lock_down(connection, limits.memory)
        watch = threading.Timer(limits.timeout_s, connection.interrupt)
        watch.start()
        try:
            cursor = connection.execute(sql)
            columns = [str(column[0]) for column in cursor.description or []]
            found = cursor.fetchmany(limits.rows + 1)
        except duckdb.InterruptException as error:
            raise TransientError(
                "query took too long", expected=f"at most {limits.timeout_s:g} s", where=first_line(sql)
            ) from error
        except duckdb.Error as error:
            raise _refused(sql, str(error)) from error
        finally:
            watch.cancel()
    if len(set(columns)) < len(columns):
        raise InputError(
            "two columns have one name", received=", ".join(columns), where=first_line(sql), next_step="use AS"
        )
    rows = [dict(zip(columns, row, strict=True)) for row in found[: limits.rows]]
    return Found(columns, rows, len(found) > limits.rows)


def _refused(sql: str, said: str) -> InputError | NotFoundError:
    if "FileNotFoundError" in said:
        return NotFoundError("files of this version are gone", next_step="ask for a later version")
    return InputError("query cannot be run", received=first_line(said), where=first_line(sql))


def _lock_down(connection: duckdb.DuckDBPyConnection, memory: str) -> None:
    """No files, no network, no extensions, no Python variables, UTC; and no way to switch any of it back on."""
    for statement in (
        f"SET memory_limit = '{memory}'",
        "SET threads = 2",
        "SET TimeZone = 'UTC'",
        "SET temp_directory = ''",
        "SET python_enable_replacements = false",
        "SET autoload_known_extensions = false",
        "SET autoinstall_known_extensions = false",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)
