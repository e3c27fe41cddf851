"""Validation: rows that are not what they must be are kept apart with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from bridge.etl.compute import pc
from bridge.etl.form import Check
from bridge.etl.frame import ROW, Frame
from core.errors import InputError


def validate(frame: Frame, checks: Sequence[Check]) -> None:
    """Hold every row against every check; a row is refused by the first it fails.

    Raises:
        InputError: a column is missing or of another type than the check names: the input as a whole is wrong.
    """
    for check in checks:
        _schema(frame.table, check)
        column = _column(frame, check)
        if check.not_null:
            frame.reject(pc.is_null(column), f"{check.column!r} is empty")
        try:
            if check.min is not None:
                low = pc.less(_column(frame, check), check.min)
                frame.reject(_or_nan(low, _column(frame, check)), f"{check.column!r} is below {check.min:g}")
            if check.max is not None:
                high = pc.greater(_column(frame, check), check.max)
                frame.reject(_or_nan(high, _column(frame, check)), f"{check.column!r} is above {check.max:g}")
            if check.one_of is not None:
                column = _column(frame, check)
                inside = pc.is_in(column, value_set=pa.array(list(check.one_of)).cast(column.type))
                frame.reject(pc.and_(pc.invert(inside), column.is_valid()), f"{check.column!r} is not one of the known")
        except pa.ArrowException as error:
            raise InputError(
                "column cannot be checked", received=f"{check.column}: {error}", next_step="cast it first"
            ) from error


def _column(frame: Frame, check: Check) -> Any:
    return frame.table.column(check.column)


def _or_nan(mask: Any, column: Any) -> Any:
    """A value that is no number lies in no range."""
    return pc.or_kleene(mask, pc.is_nan(column)) if pa.types.is_floating(column.type) else mask


def _schema(table: pa.Table, check: Check) -> None:
    if check.column not in table.column_names:
        known = ", ".join(one for one in table.column_names if one != ROW)
        raise InputError("a column that must be there is not", expected=known, received=check.column, where="validate")
    kind = table.schema.field(check.column).type
    is_it = {
        "float": pa.types.is_floating,
        "int": pa.types.is_integer,
        "text": lambda one: pa.types.is_string(one) or pa.types.is_large_string(one),
        "bool": pa.types.is_boolean,
        "timestamp": pa.types.is_timestamp,
        None: lambda _: True,
    }[check.type]
    if not is_it(kind):
        raise InputError(
            f"column {check.column!r} is of another type",
            expected=check.type,
            received=str(kind),
            where="validate",
            next_step="cast it in `transform`",
        )
