"""Names inside SQL: the only function that turns a text into an identifier."""

from __future__ import annotations

from core.errors import InputError

LONGEST = 63
"""Bytes PostgreSQL keeps of an identifier (NAMEDATALEN - 1)."""


def quote_identifier(*parts: str) -> str:
    """A quoted, possibly dotted identifier: `quote_identifier("kpi", "kpi_daily")` gives `"kpi"."kpi_daily"`.

    Raises:
        InputError: a part is empty, holds a zero byte, or is longer than PostgreSQL keeps.
    """
    for part in parts:
        if not part or "\0" in part or len(part.encode()) > LONGEST:
            raise InputError("not a usable SQL identifier", expected=f"1 to {LONGEST} bytes", received=part)
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
