"""The form of a pipeline's file: what it reads, what it does to it, what it refuses, and where the rest goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from bridge.etl.cron import Cron
from bridge.etl.expression import Expression
from core.contracts.duration import parse_duration
from core.contracts.equipment import EquipmentId, SignalName

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Callable_ = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*:[a-z_][a-z0-9_]*$")]
Aggregate = Literal["mean", "min", "max", "sum", "count", "first", "last"]


def _is_duration(value: str | None) -> str | None:
    if value is not None:
        parse_duration(value)
    return value


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Files(_Form):
    """Files of a folder, each loaded once: the same content is not taken again, whatever its name."""

    folder: str
    pattern: str = "*"
    format: Literal["csv", "parquet", "json"]
    """`json` is one object a line."""
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    settle_s: float = Field(default=5.0, ge=0)
    """A file that was changed less long ago may still be written to and is left for the next run."""

    @field_validator("pattern")
    @classmethod
    def _stays_in_the_folder(cls, value: str) -> str:
        if "/" in value or "\\" in value:
            raise ValueError("a pattern of file names, without folders")
        return value


class History(_Form):
    """Readings of the historian, one row a source time, one column a signal; each window loaded once."""

    equipment: EquipmentId
    signals: tuple[SignalName, ...] = Field(min_length=1)
    window: str
    """Length of a tumbling window of source time, aligned to the epoch."""
    lateness: str | None = None
    """A window is taken this long behind the newest reading of its signals."""

    _durations = field_validator("window", "lateness")(_is_duration)


class Sqlite(_Form):
    """Rows of a query on a SQLite file, which is opened read-only."""

    file: str
    query: str
    cursor: Column | None = None
    """A column that only grows: each run takes the rows behind the last one. Without it, a result is taken once."""


class Source(_Form):
    """Exactly one of three."""

    files: Files | None = None
    historian: History | None = None
    sqlite: Sqlite | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Source:
        if len(self.model_fields_set) != 1:
            raise ValueError("name one of files, historian, sqlite")
        return self


class Cast(_Form):
    """The type a column is to have; a cell that cannot have it is rejected with its row."""

    type: Literal["float", "int", "text", "bool", "timestamp"]
    format: str | None = None
    """Of a timestamp, as `strptime` spells it; unset means ISO 8601."""
    timezone: str | None = None
    """Zone of timestamps that name none; unset means the site's."""


class Convert(_Form):
    """A column from one unit to another, both as pint spells them."""

    column: Column
    source: str = Field(alias="from")
    target: str = Field(alias="to")


class Grouping(_Form):
    """Rows that share `by` and a stretch of `time` become one; column `c` becomes `c_mean` and so on."""

    by: tuple[Column, ...] = ()
    time: Column | None = None
    every: str | None = None
    columns: dict[Column, tuple[Aggregate, ...]] = Field(min_length=1)

    _durations = field_validator("every")(_is_duration)

    @model_validator(mode="after")
    def _time_goes_with_every(self) -> Grouping:
        if (self.time is None) != (self.every is None):
            raise ValueError("`time` and `every` go together")
        return self


class RenameStep(_Form):
    """New names by old ones."""

    rename: dict[Column, Column]


class CastStep(_Form):
    """Types by column; a bare word is the type alone."""

    cast: dict[Column, Cast]

    @field_validator("cast", mode="before")
    @classmethod
    def _word_is_a_type(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        items = cast("dict[str, object]", value).items()
        return {name: {"type": to} if isinstance(to, str) else to for name, to in items}


class ConvertStep(_Form):
    """See `Convert`."""

    convert: Convert


class FilterStep(_Form):
    """Rows for which the expression is not true are left out and counted."""

    filter: Expression


class DeriveStep(_Form):
    """New columns by expression, in order."""

    derive: dict[Column, Expression]


class PythonStep(_Form):
    """A function `table -> table` of the site owner's folder of steps, run in a process of its own."""

    python: Callable_
    timeout_s: float = Field(default=60.0, gt=0, le=3600)


class AggregateStep(_Form):
    """See `Grouping`."""

    aggregate: Grouping


def _kind(value: Any) -> str:
    names = set(cast("dict[str, object]", value)) if isinstance(value, dict) else value.model_fields_set
    return next((name for name in _STEPS if name in names), "unknown")


_STEPS = ("rename", "cast", "convert", "filter", "derive", "python", "aggregate")
Step = Annotated[
    Annotated[RenameStep, Tag("rename")]
    | Annotated[CastStep, Tag("cast")]
    | Annotated[ConvertStep, Tag("convert")]
    | Annotated[FilterStep, Tag("filter")]
    | Annotated[DeriveStep, Tag("derive")]
    | Annotated[PythonStep, Tag("python")]
    | Annotated[AggregateStep, Tag("aggregate")],
    Discriminator(_kind, custom_error_type="step", custom_error_message=f"a step is one of {', '.join(_STEPS)}"),
]


class Check(_Form):
    """What every row must be; one that is not is kept apart with the reason."""

    column: Column
    type: Literal["float", "int", "text", "bool", "timestamp"] | None = None
    """Of the whole column: another type fails the input."""
    not_null: bool = False
    min: float | None = None
    max: float | None = None
    one_of: tuple[str | float, ...] | None = None


class Readings(_Form):
    """Rows become readings of derived signals: journaled, contracted and sent like any other."""

    equipment: EquipmentId | None = None
    equipment_column: Column | None = None
    time: Column
    signals: dict[Column, SignalName] = Field(min_length=1)
    """Derived signal of the site file by column."""

    @model_validator(mode="after")
    def _one_machine(self) -> Readings:
        if (self.equipment is None) == (self.equipment_column is None):
            raise ValueError("name `equipment` or `equipment_column`")
        return self


class Output(_Form):
    """Each input becomes one file on site, named after it and its content."""

    folder: str
    format: Literal["csv", "parquet", "json"]


class Load(_Form):
    """Exactly one of two."""

    readings: Readings | None = None
    file: Output | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Load:
        if len(self.model_fields_set) != 1:
            raise ValueError("name one of readings, file")
        return self


class Pipeline(_Form):
    """A whole pipeline."""

    pipeline: Name
    every: str | None = None
    cron: str | None = None
    """Five fields in the site's time zone. With neither it runs on command only."""
    source: Source
    transform: tuple[Step, ...] = ()
    validate_: tuple[Check, ...] = Field(default=(), alias="validate")
    load: Load

    _durations = field_validator("every")(_is_duration)

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            Cron.parse(value)
        return value

    @model_validator(mode="after")
    def _one_schedule(self) -> Pipeline:
        if self.every is not None and self.cron is not None:
            raise ValueError("name `every` or `cron`, not both")
        return self
