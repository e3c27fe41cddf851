"""What stands failed: a blocking check that failed on a day, until it has passed on that day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import polars as pl

from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables.ops import CHECK_RESULTS
from quality.expected import Severity

_CHECK = ["table", "check"]
_TIME = pl.Datetime("us", "UTC")


def standing(results: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Failures that nothing has put right since: `table`, `check`, `day`, `observed` and `at`. Pure.

    A run over many days blames those that broke its check, and acquits the others.

    Args:
        results: rows of `ops.check_results`.
        days: the days asked about.
    """
    if not days:
        return pl.DataFrame(
            schema={**dict.fromkeys(_CHECK, pl.String), "day": pl.Date, "observed": pl.String, "at": _TIME}
        )
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
        .select(*_CHECK, "day", "observed", "at")
        .sort("day", *_CHECK)
    )


def failures(lake: TenantLake, tables: Sequence[str] | None = None) -> pl.DataFrame:
    """What stands failed of some tables, of all if none are named, on whatever day; see `standing`."""
    rows = lake.scan(CHECK_RESULTS).filter(pl.col("severity") == Severity.ERROR.value)
    if tables is not None:
        rows = rows.filter(pl.col("table").is_in(list(tables)))
    failed = rows.filter(pl.col("status") == "failed").collect()
    spans = failed.select(day=pl.date_ranges("day_first", "day_last")).explode("day")
    of_those = rows.collect().join(failed.select(_CHECK).unique(), on=_CHECK, how="semi")
    return standing(of_those, spans["day"].drop_nulls().unique().to_list())


def still_needed(lake: TenantLake) -> Mapping[TableSpec, date]:
    """Days from which on tables are needed however old they are: results since the first failure that still stands.

    Without them what it holds back would be published.
    """
    first = failures(lake)["at"].min()
    return {CHECK_RESULTS: first.date()} if isinstance(first, datetime) else {}
