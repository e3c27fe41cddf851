"""Moments as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.errors import InputError

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """A moment in UTC: `2026-11-21`, `2026-11-21T14:00`, with or without an offset, or `90m`, `24h`, `7d` before now.

    Raises:
        InputError: it is none of these.
    """
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError("not a moment", expected="2026-11-21, 2026-11-21T14:00+01:00 or 24h", received=text) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
