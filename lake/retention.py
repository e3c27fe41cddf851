"""How long Delta keeps what older versions of a table need."""

from __future__ import annotations

from lake.spec import TableSpec

_REMOVAL_DAYS = 30


def properties(spec: TableSpec) -> dict[str, str]:
    """How long Delta keeps what versions need: the log, and the record of files that were taken out.

    That record outlives the files by a while, in which upkeep removes them; who forgets it earlier removes nothing.
    """
    removal = 0 if spec.latest_only else _REMOVAL_DAYS
    return {
        "delta.logRetentionDuration": f"interval {spec.history_days} days",
        "delta.deletedFileRetentionDuration": f"interval {spec.history_days + removal} days",
    }
