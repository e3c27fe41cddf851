"""Which days may be published: none on which something stands failed, see `quality.standing`.

A run that fails a check builds nothing further; but its rows are in the lake, and a later run, or a person who
publishes by hand, would carry them along.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from assets.serving.tables import Published
from core.errors import TerminalError
from lake.store import TenantLake
from quality.standing import failures

_NAMED = 3


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
    told = [f"{check} on {day}: {observed}" for _, check, day, observed, _ in wanted.head(_NAMED).iter_rows()]
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
