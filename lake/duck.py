"""DuckDB that knows some tables and can reach no other file, network or tenant: where every SELECT runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
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


class Duck:
    """A DuckDB of its own over some tables, each under its full name and at the version it was opened at.

    It answers one query after another, for one thread at a time, until one raises. What it can reach is fixed before
    the first one runs.

    Args:
        tables: handles that nobody moves on to another version while this is in use.
        limits: what each query may take.
    """

    def __init__(self, tables: Mapping[TableSpec, DeltaTable], limits: Limits) -> None:
        self._tables = tables
        self._limits = limits
        self._files: list[str] = []
        self._is_locked = False
        self._connection = duckdb.connect(":memory:")

    def close(self) -> None:
        """Give back what it holds."""
        self._connection.close()

    def select(self, sql: str) -> Found:
        """Run one SELECT.

        Raises:
            InputError: it is not one SELECT over these tables, or two of its columns have one name.
            NotFoundError: files of a version are gone.
            TransientError: it took too long.
        """
        require_one_select(sql)
        require_known(self._connection, sql, [spec.full_name for spec in self._tables])
        with self._watched(sql):
            self._lock_down()
            cursor = self._connection.execute(sql)
            columns = [str(column[0]) for column in cursor.description or []]
            found = cursor.fetchmany(self._limits.rows + 1)
        if len(set(columns)) < len(columns):
            raise InputError(
                "two columns have one name", received=", ".join(columns), where=first_line(sql), next_step="use AS"
            )
        rows = [dict(zip(columns, row, strict=True)) for row in found[: self._limits.rows]]
        truncated = len(found) > self._limits.rows
        if truncated:
            self._connection.execute("SELECT NULL")  # lets go of the rows that nobody fetches
        return Found(columns, rows, truncated)

    @contextmanager
    def _watched(self, sql: str) -> Generator[None]:
        watch = threading.Timer(self._limits.timeout_s, self._connection.interrupt)
        watch.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise TransientError(
                "query took too long", expected=f"at most {self._limits.timeout_s:g} s", where=first_line(sql)
            ) from error
        except duckdb.Error as error:
            raise self._refused(sql, error) from error
        finally:
            watch.cancel()
            watch.join()  # it must not interrupt the next query

    def _lock_down(self) -> None:
        """The tables and no other file, no network, no extensions, UTC; and no way to switch any of it back on."""
        if self._is_locked:
            return
        _prepare(self._connection, self._limits.memory)
        for number, (spec, table) in enumerate(self._tables.items()):
            files = own_files(table)
            self._files += files
            provide(self._connection, number, spec, table, files)
        self._connection.execute("SET allowed_paths = ?", [self._files])
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._is_locked = True

    def _refused(self, sql: str, error: duckdb.Error) -> GoldlayerError:
        said = str(error)
        gone = isinstance(error, duckdb.IOException) and not all(map(os.path.exists, self._files))
        if gone or "FileNotFoundError" in said:
            return NotFoundError("files of this version are gone", next_step="ask for a later version")
        for table in self._tables.values():  # where they are is nobody's affair who asks
            said = said.replace(table.table_uri.removeprefix("file://"), "")
        return InputError("query cannot be run", received=first_line(said), where=first_line(sql))


def select(sql: str, tables: Mapping[TableSpec, DeltaTable], limits: Limits) -> Found:
    """Run one SELECT over tables and forget them; see `Duck.select`."""
    with closing(Duck(tables, limits)) as duck:
        return duck.select(sql)


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
