"""What a Delta table is: one declaration that assets, checks, readers, docs and the agents' catalogue all read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from core.errors import InputError

TIME = pa.timestamp("us", tz="UTC")
"""Every timestamp of the lake: microseconds, UTC."""

_HISTORY_DAYS = 365
"""Evidence cites versions, and is fetched again at the version it cites."""
_APPENDED_HISTORY_DAYS = 30
"""Rows of bronze stay as they came: an older version of it is told by when its rows were received."""
_PICKED_BY = ("equipment_id", "signal", "ts", "hour")
_MOST_CLUSTERED = 4


class Layer(StrEnum):
    """The layers of the lake, in the order data walks through them."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    TRAINING = "training"
    OPS = "ops"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `unit` is spelled as pint spells it, or names the column that holds it."""

    name: str
    type: pa.DataType
    description: str
    unit: str | None = None
    nullable: bool = True


@dataclass(frozen=True)
class TableSpec:
    """One Delta table.

    Attributes:
        layer: where it stands.
        name: its name within the layer.
        description: what it holds and who fills it, one sentence or two.
        grain: what one row is.
        columns: in storage order; Delta knows no unsigned integers and no dictionaries.
        keys: the columns that identify a row; empty where several equal rows are legal.
        owner: the room that writes it.
        lookback_days: days before a changed day whose rows depend on it as well.
        retention_days: how long days of rows are kept, see `lake.upkeep.expire`; None keeps them.
        partition_by: partition columns; `date`, the UTC day, by default.
        latest_only: no version before the latest may be read, see `lake.forgetting`.
    """

    layer: Layer
    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    owner: str
    lookback_days: int = 0
    retention_days: int | None = None
    partition_by: tuple[str, ...] = ("date",)
    latest_only: bool = False

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        absent = sorted({*self.keys, *self.partition_by} - set(names))
        if absent or len(set(names)) != len(names):
            raise InputError(
                "table is declared wrongly",
                expected="distinct columns, keys and partitions among them",
                received=absent or names,
                where=self.full_name,
            )

    @property
    def full_name(self) -> str:
        """Layer and name, `gold.kpi_daily`: how the table is written in SQL."""
        return f"{self.layer.value}.{self.name}"

    @property
    def history_days(self) -> int:
        """Days that a version can still be read after another took its place."""
        if self.latest_only:
            return 0
        return _APPENDED_HISTORY_DAYS if self.layer is Layer.BRONZE else _HISTORY_DAYS

    @property
    def cluster_by(self) -> tuple[str, ...]:
        """Columns by which queries pick rows: upkeep lays rows that are alike in them side by side."""
        names = {column.name for column in self.columns}
        return tuple(name for name in _PICKED_BY if name in names) or self.keys[:_MOST_CLUSTERED]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the table."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    def conform(self, table: pa.Table) -> pa.Table:
        """The same rows with exactly the declared columns, order and types.

        Raises:
            InputError: a column is missing, unknown, of a type that does not convert, or null where it must not be.
        """
        missing = [name for name in self.schema.names if name not in table.column_names]
        unknown = [name for name in table.column_names if name not in self.schema.names]
        if missing or unknown:
            raise InputError(
                "rows do not have the declared columns",
                expected=", ".join(self.schema.names),
                received=", ".join(table.column_names),
                where=self.full_name,
            )
        try:
            cast = table.select(self.schema.names).cast(pa.schema([pa.field(c.name, c.type) for c in self.columns]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError("a column has another type", received=str(error), where=self.full_name) from error
        nulls = [c.name for c in self.columns if not c.nullable and cast.column(c.name).null_count]
        if nulls:
            raise InputError("null where none is allowed", received=", ".join(nulls), where=self.full_name)
        return cast.cast(self.schema)
