"""Read-only SQL over one tenant's tables: what modules and agents get.

A query runs in a DuckDB of its own that knows one table at one version and can reach no file, no network and no
other tenant. What comes back carries its evidence.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from core.contracts.evidence import Evidence
from core.errors import InputError, NotFoundError, TransientError
from lake.spec import TableSpec
from lake.statement import require_one_select, write_out
from lake.store import TenantLake
from lake.tables import TABLES, table

Row = dict[str, Any]
_LONGEST_LINE = 160
_LISTED_DAYS = 7


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query and where they came from."""

    columns: list[str]
    rows: list[Row]
    evidence: list[Evidence]
    truncated: bool
    """True if the query has more rows than the cap let through."""


class LakeReader:
    """One tenant's lake for reading.

    Args:
        lake: the tenant's tables.
        row_cap: rows an answer holds at most.
        timeout_s: a query that takes longer is interrupted.
        memory: what DuckDB may use for one query.
    """

    def __init__(
        self, lake: TenantLake, *, row_cap: int = 50_000, timeout_s: float = 60.0, memory: str = "1GB"
    ) -> None:
        self._lake = lake
        self._row_cap = row_cap
        self._timeout_s = timeout_s
        self._memory = memory

    def query(
        self,
        sql: str,
        tables: Sequence[str],
        parameters: Mapping[str, object] = {},
    ) -> Answer:
        """Run one SELECT over one table at its latest version.

        Evidence cites one table at one version, so a query over two is refused: ask twice, or read the gold or mart
        table that joins them.

        Args:
            sql: DuckDB SQL; the table stands under its full name, `gold.kpi_daily`, parameters as `$name`.
            tables: that full name.
            parameters: a value for every parameter.

        Raises:
            InputError: not one SELECT over that table, or the parameters do not fit it.
            NotFoundError: no such table, or nothing was written to it yet.
            TransientError: the query took too long.
        """
        if len(tables) != 1:
            raise InputError(
                "a query reads exactly one table",
                expected="one name in `tables`",
                received=", ".join(tables) or "none",
                next_step="ask once per table, or read a table that joins them",
            )
        spec = table(tables[0])
        version = self._lake.version(spec)
        if version is None:
            raise NotFoundError("nothing was written to this table yet", where=spec.full_name)
        written = write_out(sql, parameters)
        columns, rows, truncated = self._run(spec, version, written)
        evidence = Evidence(
            store="delta",
            table=spec.full_name,
            version=version,
            partitions=_days_in_words([day.isoformat() for day in self._lake.days(spec, version)]),
            rows=len(rows),
            as_of=self._lake.committed_at(spec, version).isoformat(),
            checks=self.checks(spec.full_name),
            query=written,
        )
        return Answer(columns, rows, [evidence], truncated)

    def rerun(self, evidence: Evidence) -> list[Row]:
        """The rows that evidence speaks of, fetched again at the version it cites.

        Raises:
            NotFoundError: the table or that version of it no longer exists.
        """
        return self._run(table(evidence.table), evidence.version, evidence.query)[1]

    def checks(self, full_name: str) -> dict[str, str]:
        """Latest result of every check on a table; empty before the first one ran."""
        results = TABLES.get("ops.check_results")
        if results is None or self._lake.version(results) is None:
            return {}
        latest = (
            self._lake.scan(results)
            .filter(pl.col("table") == full_name)
            .sort("at")
            .group_by("check", maintain_order=True)
            .agg(pl.col("status").last())
            .collect()
        )
        return {name: str(status) for name, status in sorted(latest.iter_rows())}

    def _run(self, spec: TableSpec, version: int, sql: str) -> tuple[list[str], list[Row], bool]:
        delta = self._lake.open(spec, version)
        if delta is None:
            raise NotFoundError("no such table", where=spec.full_name)
        require_one_select(sql)
        with duckdb.connect(":memory:") as connection:
            connection.register("source", delta.to_pyarrow_dataset())
            connection.execute(f'CREATE SCHEMA "{spec.layer.value}"')
            connection.execute(f'CREATE VIEW "{spec.layer.value}"."{spec.name}" AS SELECT * FROM "source"')  # noqa: S608  declared names
            _lock_down(connection, self._memory)
            watch = threading.Timer(self._timeout_s, connection.interrupt)
            watch.start()
            try:
                cursor = connection.execute(sql)
                columns = [str(column[0]) for column in cursor.description or []]
                found = cursor.fetchmany(self._row_cap + 1)
            except duckdb.InterruptException as error:
                raise TransientError(
                    "query took too long", expected=f"at most {self._timeout_s:g} s", where=_first_line(sql)
                ) from error
            except duckdb.Error as error:
                raise InputError(
                    "query cannot be run", received=_first_line(str(error)), where=_first_line(sql)
                ) from error
            finally:
                watch.cancel()
        if len(set(columns)) < len(columns):
            raise InputError(
                "two columns have one name", received=", ".join(columns), where=_first_line(sql), next_step="use AS"
            )
        rows = [dict(zip(columns, row, strict=True)) for row in found[: self._row_cap]]
        return columns, rows, len(found) > self._row_cap


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


def _first_line(text: str) -> str:
    """Enough of a query to recognise it in a message that people read; of DuckDB's complaint, what it complains of."""
    first = text.strip().split("\n", 1)[0]
    return first if len(first) <= _LONGEST_LINE else f"{first[:_LONGEST_LINE]}…"


def _days_in_words(days: list[str]) -> list[str]:
    return days if len(days) <= _LISTED_DAYS else [days[0], days[-1]]
