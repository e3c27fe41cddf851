"""Durations as contracts write them: ISO 8601 in days, hours, minutes and seconds."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"^P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?$")


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of days, hours, minutes and seconds.

    Raises:
        ValueError: it is written otherwise, or is not positive.
    """
    match = _DURATION.match(text)
    parts = {key: int(value) for key, value in match.groupdict().items() if value} if match else {}
    span = timedelta(
        days=parts.get("d", 0), hours=parts.get("h", 0), minutes=parts.get("m", 0), seconds=parts.get("s", 0)
    )
    if not span:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT15M, PT6H or P1D")
    return span
