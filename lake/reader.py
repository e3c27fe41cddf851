"""Read-only SQL over one tenant's tables: what modules and agents get.

A query runs in a DuckDB that knows one table at one version and can reach no file, no network and no other tenant.
What comes back carries its evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from core.contracts.evidence import Evidence
from core.errors import InputError, NotFoundError
from lake.duck import Limits, Row, select
from lake.standing import Standing
from lake.statement import write_out
from lake.store import TenantLake, days_of
from lake.tables import TABLES, table

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
    """One tenant's lake for reading; who keeps it is answered faster about the tables that were asked about last.

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
        self._limits = Limits(row_cap, timeout_s, memory)
        self._standing = Standing(lake, self._limits)

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
        spec, written = table(tables[0]), write_out(sql, parameters)
        with self._standing.latest(spec) as stand:
            found = stand.duck.select(written)
            days = [day.isoformat() for day in days_of(spec, stand.delta)]
        evidence = Evidence(
            store="delta",
            table=spec.full_name,
            version=stand.version,
            partitions=_days_in_words(days),
            rows=len(found.rows),
            as_of=stand.at.isoformat(),
            checks=self.checks(spec.full_name),
            query=written,
        )
        return Answer(found.columns, found.rows, [evidence], found.truncated)

    def rerun(self, evidence: Evidence) -> list[Row]:
        """The rows that evidence speaks of, fetched again at the version it cites.

        Raises:
            NotFoundError: the table or that version of it no longer exists.
        """
        spec = table(evidence.table)
        delta = self._lake.open(spec, evidence.version)
        if delta is None:
            raise NotFoundError("no such table", where=spec.full_name)
        return select(evidence.query, {spec: delta}, self._limits).rows

    def checks(self, full_name: str) -> dict[str, str]:
        """Latest result of every check on a table; empty before the first one ran."""
        results = TABLES.get("ops.check_results")
        if results is None:
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


def _days_in_words(days: list[str]) -> list[str]:
    return days if len(days) <= _LISTED_DAYS else [days[0], days[-1]]
