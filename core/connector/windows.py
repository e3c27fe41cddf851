"""Time: windows to read and buckets to count in. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.given import as_mapping
from core.connector.values import convert
from core.errors import InputError

_EVERY = re.compile(r"P(?:(?P<days>\d{1,4})D|T(?P<count>\d{1,5})(?P<unit>[HMS]))")
_CALENDAR = {"P1D": "day", "P1W": "week", "P1M": "month", "P3M": "quarter", "P1Y": "year"}
_UNITS = {"H": "hours", "M": "minutes", "S": "seconds"}
_ORIGIN = "timestamptz '2000-01-03 00:00:00Z'"
"""A Monday; where buckets of a fixed width are counted from."""
_LONGEST_H = 24 * 36_500


class TimeRange(TypedDict, total=False):
    """A window over one column: `last_hours` or `last_days` back from now, or `start` (included) and `end` (not)."""

    column: str
    last_hours: float
    last_days: float
    start: datetime | str
    end: datetime | str


class TimeBucket(TypedDict, total=False):
    """Equal stretches of time, named by their start.

    `every` is an ISO 8601 duration: a fixed width (`PT15M`, `P7D`), or `P1D`, `P1W`, `P1M`, `P3M`, `P1Y` as they are in
    the calendar of `timezone` (an IANA name, UTC if unset).
    """

    column: str
    every: str
    timezone: str


def bounds(table: TableInfo, time_range: TimeRange) -> tuple[ColumnInfo, object, object]:
    """The column of a window, its start (included) and its end (not); None is an open end.

    Raises:
        InputError: it is not a window, or not over a time column.
    """
    as_mapping(time_range, "time_range", table.label, example='{"column": "ts", "last_hours": 24}')
    unknown = sorted(set(time_range) - set(TimeRange.__annotations__))
    back = [key for key in ("last_hours", "last_days") if key in time_range]
    given = [key for key in ("start", "end") if key in time_range]
    if unknown or "column" not in time_range or len(back) > 1 or bool(back) == bool(given):
        raise InputError(
            "time range is not one",
            expected="column, and last_hours or last_days, or start and/or end",
            received=", ".join(time_range),
            where=table.label,
        )
    column = _time_column(table, time_range["column"])
    if back:
        since = _since(time_range, table)
        return column, since.date() if column.kind is Kind.DATE else since, None
    ends = (time_range.get("start"), time_range.get("end"))
    start, end = (convert(column, one, table.label) for one in ends)
    return column, start, end


def bucket_sql(table: TableInfo, bucket: TimeBucket, add: Callable[[object], str]) -> str:
    """The expression rows are grouped by.

    Args:
        table: what is counted.
        bucket: over which column, how long.
        add: keeps a value and gives its placeholder.

    Raises:
        InputError: unknown keys, duration or zone, or no time column.
    """
    as_mapping(bucket, "bucket", table.label, example='{"column": "ts", "every": "PT1H"}')
    every = bucket.get("every")
    if set(bucket) - set(TimeBucket.__annotations__) or "column" not in bucket or not isinstance(every, str):
        raise InputError(
            "time bucket is not one", expected="column, every, timezone", received=dict(bucket), where=table.label
        )
    column = _time_column(table, bucket["column"])
    moment = column.quoted if column.kind is Kind.TIMESTAMP else f"({column.quoted}::timestamp at time zone 'UTC')"
    if every in _CALENDAR:
        return f"date_trunc('{_CALENDAR[every]}', {moment}, {add(_zone(bucket.get('timezone', 'UTC'), table))}::text)"
    match = _EVERY.fullmatch(every)
    width = int(match["days"] or match["count"]) if match else 0
    if match is None or width == 0 or "timezone" in bucket:
        raise InputError(
            "no such bucket",
            expected=f"{', '.join(_CALENDAR)} with or without a timezone, or a width in UTC like PT15M, PT6H, P7D",
            received=f"{every} with a timezone" if width else every,
            where=table.label,
        )
    unit = _UNITS[match["unit"]] if match["unit"] else "days"
    return f"date_bin(interval '{width} {unit}', {moment}, {_ORIGIN})"


def _zone(name: object, table: TableInfo) -> str:
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            "no such time zone", expected="a name like Europe/Oslo", received=name, where=table.label
        ) from error


def _time_column(table: TableInfo, name: object) -> ColumnInfo:
    column = table.column(name)
    if column.kind not in (Kind.TIMESTAMP, Kind.DATE) or column.array:
        raise InputError(
            "this needs a time column",
            expected=", ".join(c.name for c in table.columns.values() if c.kind in (Kind.TIMESTAMP, Kind.DATE))
            or "a table with a timestamp or date",
            received=column.name,
            where=table.label,
        )
    return column


def _since(time_range: TimeRange, table: TableInfo) -> datetime:
    in_hours = "last_hours" in time_range
    length: object = time_range.get("last_hours" if in_hours else "last_days")
    if isinstance(length, int | float) and not isinstance(length, bool):
        hours = length if in_hours else length * 24
        if 0 < hours < _LONGEST_H:
            return datetime.now(UTC) - timedelta(hours=hours)
    raise InputError(
        "time range needs a length",
        expected="a positive number, at most 100 years",
        received=length,
        where=f"{table.label}.{time_range.get('column')}",
    )
