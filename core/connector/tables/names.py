"""Names of indexes, constraints and partitions: derived from what they are, so that every tenant has the same. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

from core.db.identifiers import LONGEST

SUFFIXES = ("idx", "key", "check", "search_idx")
"""Of plain indexes, unique groups, checks, and indexes over words."""


def name_of(table: str, parts: Iterable[str], suffix: str) -> str:
    """`alarms_zone_code_idx`; what would be too long keeps its beginning and gets a digest."""
    whole = "_".join((table, *parts, suffix))
    if len(whole.encode()) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: LONGEST - len(suffix) - 10]}_{digest}_{suffix}"


def default_partition(table: str) -> str:
    """Where rows lie whose time has no partition of its own yet."""
    return name_of(table, (), "default")


def partition_name(table: str, start: date, every: str) -> str:
    """`readings_p2026_11` for a month, `readings_p2026_11_05` for a day."""
    return name_of(table, (), start.strftime("p%Y_%m" if every == "month" else "p%Y_%m_%d"))
