"""Steps of a pipeline: a frame in, the frame changed; a cell that cannot become what it should rejects its row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa

from bridge.etl.compute import pc
from bridge.etl.form import (
    AggregateStep,
    Cast,
    CastStep,
    Convert,
    ConvertStep,
    DeriveStep,
    FilterStep,
    Grouping,
    PythonStep,
    RenameStep,
    Step,
)
from bridge.etl.frame import REASON, ROW, Frame
from core.contracts.duration import parse_duration
from core.contracts.reading import to_datetime, to_us
from core.contracts.units import convert_factor, read_unit
from core.errors import InputError

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_TYPES: dict[str, pa.DataType] = {
    "float": pa.float64(),
    "int": pa.int64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


class RunPython(Protocol):
    """Runs a step of the site owner's folder."""

    def __call__(self, step: PythonStep, table: pa.Table) -> pa.Table:
        """The table it gives back.

        Raises:
            InputError: there is no such step, or it fails.
        """
        ...


def apply(frame: Frame, step: Step, zone: str, run_python: RunPython) -> None:
    """Take one step.

    Args:
        frame: changed in place.
        step: of the pipeline.
        zone: time zone of timestamps that name none.
        run_python: runs the site owner's functions.

    Raises:
        InputError: a column is missing, or the step cannot be taken at all.
    """
    match step:
        case RenameStep(rename=names):
            _require(frame, names)
            frame.table = frame.table.rename_columns([names.get(one, one) for one in frame.table.column_names])
        case CastStep(cast=casts):
            for name, to in casts.items():
                _cast(frame, name, to, zone)
        case ConvertStep(convert=convert):
            _convert(frame, convert)
        case FilterStep(filter=expression):
            frame.keep(expression.over(frame.table))
        case DeriveStep(derive=columns):
            for name, expression in columns.items():
                put(frame, name, expression.over(frame.table))
        case AggregateStep(aggregate=grouping):
            _aggregate(frame, grouping)
        case PythonStep():
            _python(frame, step, run_python)


def _require(frame: Frame, names: Any) -> None:
    missing = [one for one in names if one not in frame.table.column_names]
    if missing:
        known = ", ".join(one for one in frame.table.column_names if one != ROW)
        raise InputError("column is not there", expected=known, received=missing[0])


def put(frame: Frame, name: str, values: Any) -> None:
    """Set or add a column."""
    place = frame.table.schema.get_field_index(name)
    table = frame.table
    frame.table = table.append_column(name, values) if place < 0 else table.set_column(place, name, values)


def _cast(frame: Frame, name: str, to: Cast, zone: str) -> None:
    _require(frame, [name])
    column = frame.table.column(name)
    kind = _TYPES[to.type]
    if to.type != "timestamp":
        try:
            put(frame, name, column.cast(kind))
            return
        except pa.ArrowException:
            pass  # not all of them can: one by one, to tell which
    convert = _converter(to, zone)
    values: list[Any] = []
    for value in column.to_pylist():
        try:
            values.append(None if value is None else convert(value))
        except (ValueError, TypeError, OverflowError):
            values.append(None)
    made = pa.array(values, kind)
    frame.reject(pc.and_(pc.is_null(made), column.is_valid()), f"{name!r} is no {to.type}")
    kept = made.filter(pc.invert(pc.and_(pc.is_null(made), column.combine_chunks().is_valid())))
    put(frame, name, kept)


def _converter(to: Cast, zone: str) -> Callable[[Any], Any]:
    if to.type == "timestamp":
        place = ZoneInfo(to.timezone or zone)
        return lambda value: _timestamp(value, to.format, place)
    if to.type == "bool":
        return lambda value: _TRUTHS.get(str(value).strip().lower())
    if to.type == "float":
        return lambda value: float(str(value).strip())
    if to.type == "int":
        return lambda value: _whole(str(value).strip())
    return str


def _whole(text: str) -> int:
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


def _timestamp(value: Any, form: str | None, zone: ZoneInfo) -> int:
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, int | float):
        raise TypeError("a number is no time; derive it from its unit")
    else:
        text = str(value).strip()
        found = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    return to_us(found if found.tzinfo else found.replace(tzinfo=zone))


def _convert(frame: Frame, convert: Convert) -> None:
    _require(frame, [convert.column])
    for unit in (convert.source, convert.target):
        read_unit(unit, signal=convert.column, where="transform.convert")
    factor, offset = convert_factor(convert.source, convert.target)
    try:
        values = pc.add(pc.multiply(frame.table.column(convert.column).cast(pa.float64()), factor), offset)
    except pa.ArrowException as error:
        raise InputError("column is not of numbers", received=convert.column, next_step="cast it first") from error
    put(frame, convert.column, values)


def _aggregate(frame: Frame, grouping: Grouping) -> None:
    keys = list(grouping.by)
    _require(frame, [*keys, *grouping.columns, *([grouping.time] if grouping.time else [])])
    if grouping.time is not None and grouping.every is not None:
        times = frame.table.column(grouping.time)
        if not pa.types.is_timestamp(times.type):
            raise InputError("column is not of timestamps", received=grouping.time, next_step="cast it first")
        every = parse_duration(grouping.every) // timedelta(microseconds=1)
        starts = [None if one is None else to_us(_aware(one)) // every * every for one in times.to_pylist()]
        put(
            frame, grouping.time, pa.array([None if s is None else to_datetime(s) for s in starts], _TYPES["timestamp"])
        )
        frame.reject(pc.is_null(frame.table.column(grouping.time)), f"{grouping.time!r} is empty")
        keys.append(grouping.time)
    wanted = [(name, one) for name, several in grouping.columns.items() for one in several]
    try:
        # In order: `first` and `last` are those of the input.
        table = frame.table.group_by(keys, use_threads=False).aggregate(wanted)
    except (pa.ArrowException, pa.ArrowKeyError) as error:
        raise InputError(
            "rows cannot be aggregated", received=str(error)[:200], next_step="cast the columns first"
        ) from error
    frame.table = table.append_column(ROW, pa.nulls(table.num_rows, pa.int64()))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _python(frame: Frame, step: PythonStep, run_python: RunPython) -> None:
    before = frame.table
    table = run_python(step, before)
    if ROW not in table.column_names:
        table = table.append_column(ROW, pa.nulls(table.num_rows, pa.int64()))
    frame.table = table
    if REASON in table.column_names:
        reasons = table.column(REASON).cast(pa.string())
        for reason in pc.unique(reasons.drop_null()).to_pylist():
            frame.reject(pc.equal(frame.table.column(REASON), reason), reason)
        frame.table = frame.table.drop_columns([REASON])
    frame.filtered += max(before.num_rows - table.num_rows, 0)
