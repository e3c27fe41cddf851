"""What is published into the tenant's schema `kpi`, and the PostgreSQL tables it lands in.

A published table has the columns of its lake table, with the same descriptions and units as comments.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from core.db.identifiers import quote_identifier
from core.errors import TerminalError
from lake.spec import Column, TableSpec
from lake.tables import table

SCHEMA = "kpi"


@dataclass(frozen=True, slots=True)
class Published:
    """One lake table on its way to the tenant's database.

    Attributes:
        source: the lake table.
        keys: columns that identify a published row.
        rests_on: silver tables behind it; a day on which one stands failed is not published, whoever built `source`.
        latest_by: None publishes day by day; a time column keeps of each key only the latest row of all days.
    """

    source: TableSpec
    keys: tuple[str, ...]
    rests_on: tuple[TableSpec, ...]
    latest_by: str | None = None

    @property
    def name(self) -> str:
        """Name within the schema."""
        return self.source.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.source.columns)


_MEASURED = (table("silver.readings"), table("silver.signal_hourly"))
_FAULTS = (table("silver.events"), table("silver.fault_episodes"))
PUBLISHED = (
    Published(table("gold.kpi_daily"), ("site", "equipment_id", "kpi", "date"), (*_MEASURED, *_FAULTS)),
    Published(table("gold.health_daily"), ("site", "equipment_id", "date"), _MEASURED),
    Published(table("gold.remaining_life"), ("site", "equipment_id"), _MEASURED, latest_by="as_of"),
    Published(table("silver.fault_episodes"), ("episode_id",), _FAULTS[:1]),
)

_TYPES = {
    pa.string(): "text",
    pa.float64(): "double precision",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.int16(): "smallint",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


def column_type(column: Column) -> str:
    """The PostgreSQL type of a lake column.

    Raises:
        TerminalError: there is none for it.
    """
    try:
        return _TYPES[column.type]
    except KeyError:
        raise TerminalError(
            "column cannot be published",
            expected=", ".join(_TYPES.values()),
            received=str(column.type),
            where=column.name,
        ) from None


def declare(published: Published) -> str:
    """SQL that creates the table if it does not exist, adds columns declared since, and sets its comments anew."""
    return "\n".join(_statements(published))


def _statements(published: Published) -> Iterator[str]:
    name = quote_identifier(SCHEMA, published.name)
    columns = [
        f"{quote_identifier(column.name)} {column_type(column)}"
        + (" not null" if column.name in published.keys or not column.nullable else "")
        for column in published.source.columns
    ]
    keys = ", ".join(quote_identifier(key) for key in published.keys)
    yield f"create table if not exists {name} ({', '.join(columns)}, primary key ({keys}));"
    # Only where one is missing: the command itself waits for every reader, also to find that it has nothing to do.
    for column in published.source.columns:
        yield (
            f"do $$ begin if not exists (select from pg_attribute where attrelid = {_literal(name)}::regclass"
            f" and attname = {_literal(column.name)} and not attisdropped) then"
            f" alter table {name} add column {quote_identifier(column.name)} {column_type(column)}; end if; end $$;"
        )
    if published.latest_by is None:
        yield f"create index if not exists {quote_identifier(published.name + '_date')} on {name} (date);"
    yield f"comment on table {name} is {_literal(published.source.description + ' ' + published.source.grain)};"
    for column in published.source.columns:
        text = column.description + (f" Unit: {column.unit}." if column.unit else "")
        yield f"comment on column {name}.{quote_identifier(column.name)} is {_literal(text)};"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
