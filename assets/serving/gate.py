"""Which days may be published: a blocking check that failed on a day stands until it has passed on that day.

A run that fails a check builds nothing further; but its rows are in the lake, and a later run, or a person who
publishes by hand, would carry them along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from assets.serving.tables import Published
from core.errors import TerminalError
from lake.store import TenantLake
from lake.tables.ops import CHECK_RESULTS
from quality.expected import Severity

_NAMED = 3
_CHECK = ["table", "check"]


def standing(results: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Failures that nothing has put right since: `table`, `check`, `day` and `observed`. Pure.

    A run over many days blames those that broke its check, and acquits the others.

    Args:
        results: rows of `ops.check_results`.
        days: the days asked about.
    """
    if not days:
        return pl.DataFrame(schema={**dict.fromkeys(_CHECK, pl.String), "day": pl.Date, "observed": pl.String})
    first, last = pl.max_horizontal("day_first", min(days)), pl.min_horizontal("day_last", max(days))
    blamed = pl.col("failed_days").is_null() | pl.col("failed_days").list.contains(pl.col("day"))
    return (
        results.filter(pl.col("severity") == Severity.ERROR.value, first <= last)
        .with_columns(day=pl.date_ranges(first, last))
        .explode("day")
        .filter(pl.col("day").is_in(list(days)))
        .sort("at")
        .unique([*_CHECK, "day"], keep="last", maintain_order=True)
        .filter(pl.col("status") == "failed", blamed)
        .select(*_CHECK, "day", "observed")
        .sort("day", *_CHECK)
    )


def failures(lake: TenantLake, tables: Sequence[str]) -> pl.DataFrame:
    """What stands failed of some tables, on whatever day; see `standing`."""
    rows = lake.scan(CHECK_RESULTS).filter(
        pl.col("table").is_in(list(tables)), pl.col("severity") == Severity.ERROR.value
    )
    failed = rows.filter(pl.col("status") == "failed").collect()
    spans = failed.select(day=pl.date_ranges("day_first", "day_last")).explode("day")
    of_those = rows.collect().join(failed.select(_CHECK).unique(), on=_CHECK, how="semi")
    return standing(of_those, spans["day"].drop_nulls().unique().to_list())


def withheld(lake: TenantLake, published: Published) -> pl.DataFrame:
    """What stands failed of a table and of those it rests on: days that are not published."""
    return failures(lake, [spec.full_name for spec in (*published.rests_on, published.source)])


def require_met(failed: pl.DataFrame, days: Iterable[date]) -> None:
    """Refuse days on which something stands failed.

    Args:
        failed: see `withheld`.
        days: the days that somebody wants published.

    Raises:
        TerminalError: some are not published; says which, what failed there, and what to do.
    """
    wanted = failed.filter(pl.col("day").is_in(list(days)))
    if wanted.is_empty():
        return
    told = [f"{check} on {day}: {observed}" for _, check, day, observed in wanted.head(_NAMED).iter_rows()]
    more = [f"{wanted.height - _NAMED} more"] if wanted.height > _NAMED else []
    tables = ", ".join(wanted["table"].unique().sort())
    raise TerminalError(
        "a contract is not met, so these days are not published",
        expected=f"every blocking check of {tables} passes on the days to publish",
        received="; ".join(told + more),
        where=tables,
        next_step="correct the cause, build these days of the table again, and publish then; what was published stays, "
        "and so do the other days of the run",
    )
