"""What happened to a table, commit by commit, in words; and which version stood at a moment."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from core.errors import NotFoundError
from lake.commits import Action, actions_of
from lake.spec import TableSpec
from lake.store import TenantLake


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of a table.

    Attributes:
        version: its number.
        at: when it was committed, UTC.
        words: what it did.
        rows: rows in the files it added.
        files_added: files it added.
        files_removed: files it took out of the table; versions before it still have them.
        days: UTC days it wrote or emptied, first and last; none if it touched no day.
        changes_data: False if it left every row as it was.
    """

    version: int
    at: datetime
    words: str
    rows: int
    files_added: int
    files_removed: int
    days: tuple[str, ...]
    changes_data: bool


def commits(lake: TenantLake, spec: TableSpec, limit: int) -> list[Commit]:
    """The latest commits of a table, latest first, as far back as its log is kept.

    Args:
        lake: the tenant's.
        spec: the table.
        limit: commits at most.

    Raises:
        NotFoundError: nothing was written to it yet.
    """
    latest = _latest(lake, spec)
    return list(_back_from(lake, spec, latest, limit))


def version_at(lake: TenantLake, spec: TableSpec, at: datetime) -> int:
    """The version that stood at a moment: the last one committed until then.

    Raises:
        NotFoundError: nothing was written by then, or the log does not reach back so far.
    """
    latest = _latest(lake, spec)

    def is_later(version: int) -> bool:
        # What the log no longer keeps lies before what it keeps.
        when = _committed_at(lake, spec, version)
        return when is not None and when > at

    found = bisect_left(range(latest + 1), True, key=is_later) - 1
    if found < 0 or _committed_at(lake, spec, found) is None:
        raise NotFoundError(
            "no version of that time is kept", received=at.isoformat(timespec="seconds"), where=spec.full_name
        )
    return found


def _committed_at(lake: TenantLake, spec: TableSpec, version: int) -> datetime | None:
    try:
        return lake.committed_at(spec, version)
    except NotFoundError:
        return None


def _latest(lake: TenantLake, spec: TableSpec) -> int:
    latest = lake.version(spec)
    if latest is None:
        raise NotFoundError("nothing was written to this table yet", where=spec.full_name)
    return latest


def _back_from(lake: TenantLake, spec: TableSpec, latest: int, limit: int) -> Iterator[Commit]:
    for version in range(latest, max(latest - limit, -1), -1):
        try:
            yield commit_of(version, actions_of(lake.location(spec), lake.storage_options, version))
        except NotFoundError:
            return


def commit_of(version: int, actions: Sequence[Action]) -> Commit:
    """One commit from the actions of its log entry."""
    info: Action = next((one["commitInfo"] for one in actions if "commitInfo" in one), {})
    added = [one["add"] for one in actions if "add" in one]
    removed = [one["remove"] for one in actions if "remove" in one]
    values = [cast("dict[str, Any]", one.get("partitionValues") or {}).get("date") for one in (*added, *removed)]
    days = sorted({str(value) for value in values if value})
    rows = sum(int(json.loads(one["stats"])["numRecords"]) for one in added if one.get("stats"))
    changes = any(one["dataChange"] for one in (*added, *removed))
    span = tuple(dict.fromkeys((days[0], days[-1]))) if days else ()
    words = _of_operation(info, actions)
    return Commit(
        version,
        datetime.fromtimestamp(info.get("timestamp", 0) / 1000, tz=UTC),
        words or _of_files(rows, len(added), len(removed), span, changes=changes),
        rows,
        len(added),
        len(removed),
        span,
        changes,
    )


def _of_operation(info: Action, actions: Sequence[Action]) -> str | None:
    """What a commit did that is not about rows; None for one that is."""
    given: dict[str, Any] = info.get("operationParameters") or {}
    metrics: dict[str, Any] = info.get("operationMetrics") or {}
    match info.get("operation"):
        case "CREATE TABLE":
            schema: dict[str, Any] = next(
                (json.loads(one["metaData"]["schemaString"]) for one in actions if "metaData" in one), {}
            )
            return f"made, with {len(schema.get('fields', []))} columns"
        case "ADD COLUMN":
            names = [str(one["name"]) for one in json.loads(given.get("fields", "[]"))]
            return f"columns added, null in older rows: {', '.join(names)}"
        case "SET TBLPROPERTIES":
            return f"properties set: {', '.join(sorted(json.loads(given.get('properties', '{}'))))}"
        case "VACUUM START":
            return f"{_count(metrics.get('numFilesToDelete', 0), 'file')} that no kept version needs to be removed"
        case "VACUUM END":
            return f"{_count(metrics.get('numDeletedFiles', 0), 'file')} that no kept version needs removed"
        case _:
            return None


def _of_files(rows: int, added: int, removed: int, days: tuple[str, ...], *, changes: bool) -> str:
    where = f" of {' to '.join(days)}" if days else ""
    if not added and not removed:
        return "no rows; notes how far a writer has come"
    if not changes:
        return f"{_count(removed, 'file')}{where} rewritten as {added}, the same {_count(rows, 'row')}"
    if not removed:
        return f"{_count(rows, 'row')}{where} added in {_count(added, 'file')}"
    if not rows:
        return f"rows{where} removed with {_count(removed, 'file')}"
    return f"rows{where} replaced by {_count(rows, 'row')} in {_count(added, 'file')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
