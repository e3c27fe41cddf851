"""SQL over any of one tenant's tables, now or as they stood: what a data engineer asks by hand.

Agents and modules ask through `lake.reader`, one table at a time and with evidence that can be fetched again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.errors import InputError, NotFoundError
from lake.duck import Found, Limits, select
from lake.history import version_at
from lake.spec import TableSpec
from lake.statement import tables_of
from lake.store import TenantLake
from lake.tables import table


@dataclass(frozen=True, slots=True)
class Source:
    """A table as a query read it.

    Attributes:
        table: full name.
        version: the version read.
        committed_at: when that was committed, UTC.
    """

    table: str
    version: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Explored:
    """Rows of a query and the tables they are from."""

    found: Found
    sources: tuple[Source, ...]


def explore(
    lake: TenantLake, sql: str, *, version: int | None = None, at: datetime | None = None, limits: Limits | None = None
) -> Explored:
    """Run one SELECT over the tables it names.

    Args:
        lake: the tenant's; no other table and no file can be reached.
        sql: DuckDB SQL; tables stand under their full names, `gold.kpi_daily`.
        version: read this version; for a query over one table.
        at: read every table as it stood then.
        limits: what the query may take.

    Raises:
        InputError: it is not one SELECT over tables of the lake, or `version` fits no single table.
        NotFoundError: a table was never written, or the version or moment is kept no longer.
        TransientError: it took too long.
    """
    if version is not None and at is not None:
        raise InputError("a version and a moment are two answers to one question", next_step="name one of them")
    specs = [table(name) for name in tables_of(sql)]
    if version is not None and len(specs) != 1:
        raise InputError(
            "a version is that of one table",
            expected="a query over one table",
            received=", ".join(one.full_name for one in specs) or "none",
            next_step="name a moment, which fits every table",
        )
    versions = {one: version_at(lake, one, at) if at else _known(lake, one, version) for one in specs}
    tables = {one: lake.open(one, number) for one, number in versions.items()}
    found = select(sql, {one: opened for one, opened in tables.items() if opened is not None}, limits or Limits())
    sources = [Source(one.full_name, number, lake.committed_at(one, number)) for one, number in versions.items()]
    return Explored(found, tuple(sources))


def _known(lake: TenantLake, spec: TableSpec, version: int | None) -> int:
    latest = lake.version(spec)
    if latest is None:
        raise NotFoundError("nothing was written to this table yet", where=spec.full_name)
    return latest if version is None else version
