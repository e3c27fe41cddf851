"""Whether a table may be published: a blocking check that failed on a day stands until it has passed on that day.

A run that fails a check builds nothing further; but its rows are in the lake, and a later run, or a person who
publishes by hand, would carry them along.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.serving.tables import Published
from core.errors import TerminalError
from lake.store import TenantLake
from lake.tables.ops import CHECK_RESULTS
from quality.expected import Severity

_NAMED = 3


def standing(results: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Failures that nothing has put right since: `check`, `day` and `observed`. Pure.

    Args:
        results: rows of `ops.check_results` of one table.
        days: the days asked about.
    """
    if not days:
        return pl.DataFrame(schema={"check": pl.String, "day": pl.Date, "observed": pl.String})
    first, last = pl.max_horizontal("day_first", min(days)), pl.min_horizontal("day_last", max(days))
    return (
        results.filter(pl.col("severity") == Severity.ERROR.value, first <= last)
        .with_columns(day=pl.date_ranges(first, last))
        .explode("day")
        .filter(pl.col("day").is_in(list(days)))
        .sort("at")
        .unique(["check", "day"], keep="last", maintain_order=True)
        .filter(pl.col("status") == "failed")
        .select("check", "day", "observed")
        .sort("day", "check")
    )


def require_all_met(lake: TenantLake, published: Published, days: Sequence[date]) -> None:
    """Refuse to publish days on which a blocking check of a table, or of one that it rests on, stands failed.

    Raises:
        TerminalError: see `require_met`.
    """
    for spec in (*published.rests_on, published.source):
        require_met(lake, spec.full_name, days)


def require_met(lake: TenantLake, full_name: str, days: Sequence[date]) -> None:
    """Refuse to publish days of a table on which a blocking check stands failed.

    Raises:
        TerminalError: some do; says which, on which days, and what to do.
    """
    rows = lake.scan(CHECK_RESULTS).filter(pl.col("table") == full_name, pl.col("severity") == Severity.ERROR.value)
    failed = standing(rows.collect(), days)
    if failed.is_empty():
        return
    told = [f"{check} on {day}: {observed}" for check, day, observed in failed.head(_NAMED).iter_rows()]
    more = [f"{failed.height - _NAMED} more"] if failed.height > _NAMED else []
    raise TerminalError(
        "a contract is not met, so nothing is published",
        expected=f"every blocking check of {full_name} passes on the days to publish",
        received="; ".join(told + more),
        where=full_name,
        next_step="correct the cause, build these days of the table again, and publish then; what was published stays",
    )
