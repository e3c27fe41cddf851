"""Publishing: exactly these days of a lake table, in one transaction with the note of the version they come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from assets.serving.tables import SCHEMA, Published, declare
from core.db import Database, Transaction
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from lake.store import TenantLake

_SQL = load_queries("assets.serving")
_STAGED = "staged"


@dataclass(frozen=True, slots=True)
class Publication:
    """What one publication did.

    Attributes:
        version: version of the lake table that the published table now equals; -1 if it was never written.
        rows: rows of the published table afterwards.
        written: rows inserted or changed.
        deleted: rows that the lake no longer has.
    """

    version: int
    rows: int
    written: int
    deleted: int

    def facts(self) -> dict[str, int]:
        """The same for a materialisation's metadata."""
        return {
            "delta_version": self.version,
            "dagster/row_count": self.rows,
            "rows_written": self.written,
            "rows_deleted": self.deleted,
        }


async def prepare(database: Database, tables: Sequence[Published]) -> None:
    """Create what is missing in the schema; running it again changes nothing."""
    async with database.transaction() as transaction:
        await transaction.execute(_SQL["one_at_a_time"])
        await transaction.execute(_SQL["create_publication"])
        for published in tables:
            await transaction.execute(declare(published))


async def published_state(database: Database, published: Published) -> tuple[int | None, list[date]]:
    """The version of the lake table that was published last, None before the first time; and the days held back."""
    rows = await database.fetch(_SQL["published_state"], published.name)
    return (int(rows[0]["delta_version"]), list(rows[0]["withheld"])) if rows else (None, [])


def lake_version(lake: TenantLake, published: Published) -> int:
    """The version to publish; -1 if the lake table was never written."""
    version = lake.version(published.source)
    return -1 if version is None else version


def scan(lake: TenantLake, published: Published, version: int) -> pl.LazyFrame:
    """The lake table at a version; empty at -1."""
    return lake.scan(published.source, version=None if version < 0 else version)


def days_to_publish(lake: TenantLake, published: Published, since: int | None, days: Sequence[date]) -> list[date]:
    """The asked days, and every day that changed in the lake since the last publication.

    Without the second the published table would equal no version of the lake table.
    """
    seen = None if since is None or since < 0 else since
    return sorted({*days, *lake.days_added_since(published.source, seen)[1]})


def rows_to_publish(
    lake: TenantLake, published: Published, version: int, days: Sequence[date], without: Collection[date] = ()
) -> pl.DataFrame:
    """Rows of these days at a version, or the latest row of each key of all days but for those to be left out."""
    rows = scan(lake, published, version).filter(~pl.col("date").is_in(list(without)))
    if published.latest_by is None:
        return rows.filter(pl.col("date").is_in(list(days))).select(published.columns).collect()
    order = [published.latest_by, "date"]
    return rows.select(published.columns).sort(order).unique(published.keys, keep="last").sort(published.keys).collect()


async def publish(
    database: Database,
    published: Published,
    rows: pl.DataFrame,
    days: Sequence[date],
    *,
    version: int,
    run_id: str,
    checks: Mapping[str, str],
    withheld: Collection[date] = (),
) -> Publication:
    """Make these days of the published table hold exactly these rows, and note where they come from.

    Unchanged rows are not touched; publishing the same again changes the note only.

    Args:
        database: the tenant's own.
        published: which table.
        rows: its columns; for a table of latest rows, all of them.
        days: days that `rows` speaks for; other days stay as they are.
        version: version of the lake table the rows were read at.
        run_id: the run that publishes.
        checks: latest result of each check on the lake table.
        withheld: days of which the table goes on holding what was published before; none of `days`.
    """
    name = quote_identifier(SCHEMA, published.name)
    async with database.transaction() as transaction:
        await transaction.execute(f"lock table {name} in share row exclusive mode")
        await transaction.execute(f"create temp table {_STAGED} (like {name}) on commit drop")
        await transaction.copy_rows("pg_temp", _STAGED, published.columns, rows.iter_rows())
        deleted = await _delete(transaction, published, name, days)
        written = await _upsert(transaction, published, name)
        held = int(await transaction.fetchval(f"select count(*) from {name}"))  # noqa: S608  quoted name
        await transaction.execute(
            _SQL["note_publication"],
            *(published.name, published.source.full_name, version, held, run_id, dict(checks), datetime.now(UTC)),
            sorted(withheld),
        )
    return Publication(version, held, written, deleted)


async def _delete(transaction: Transaction, published: Published, name: str, days: Sequence[date]) -> int:
    same = " and ".join(f"old.{key} = new.{key}" for key in map(quote_identifier, published.keys))
    gone = f"delete from {name} as old where not exists (select from {_STAGED} as new where {same})"  # noqa: S608
    if published.latest_by is not None:
        return _count(await transaction.execute(gone))
    return _count(await transaction.execute(f"{gone} and old.date = any($1::date[])", list(days)))


async def _upsert(transaction: Transaction, published: Published, name: str) -> int:
    columns = [quote_identifier(column) for column in published.columns]
    changing = [quote_identifier(column) for column in published.columns if column not in published.keys]
    keys = ", ".join(map(quote_identifier, published.keys))
    updates = ", ".join(f"{column} = excluded.{column}" for column in changing)
    old, new = (", ".join(f"{side}.{column}" for column in changing) for side in ("old", "excluded"))
    return _count(
        await transaction.execute(
            f"insert into {name} as old ({', '.join(columns)}) select {', '.join(columns)} from {_STAGED}"  # noqa: S608  quoted names
            f" on conflict ({keys}) do update set {updates} where ({old}) is distinct from ({new})"
        )
    )


def _count(tag: str) -> int:
    return int(tag.split()[-1])
