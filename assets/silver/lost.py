"""Which rows that have not arrived are lost: their lane has gone past them, and a lane has no holes. Pure.

A bridge's counts ride in the first batch of what they count. The rest follows in the same lane before the next counts;
in a backlog, whose neighbours leave as one, at the latest in one batch with them. Once bronze has all of that, nothing
that was counted is on its way; nor is it of the last counts if a number behind them has no row.
What can prove nothing stays in flight: single rows of what a lane's last counts speak of, events (counted in another
lane than they travel in), numbers that were used again, and batches that nobody can read, which the books know by
their header.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from assets.silver.books import GRAIN

_BATCH = ["base", "seq"]
_REFUSED = "refused/"
_LANE = rf"^(?:{_REFUSED})?([^/]+/[^/]+/readings-(?:live|backlog))$"
"""A lane of readings, also of what was refused of it."""
_IS_REFUSED = pl.col("lane").str.starts_with(_REFUSED)


def with_refused(bases: Iterable[str]) -> list[str]:
    """Lanes, and those under which the lake keeps what the gateway refused of them."""
    return [road + base for base in bases for road in ("", _REFUSED)]


def of_lanes(rows: pl.DataFrame) -> pl.DataFrame:
    """Those rows whose `lane` is one of readings, with its own name as `base`; refused batches belong to it."""
    return rows.with_columns(base=pl.col("lane").str.extract(_LANE)).drop_nulls("base")


def unarrived(lines: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Increments of `bronze.bridge_counts` on those lines of the books that are short, with `base` and `sent`."""
    short = lines.filter(pl.col("in_flight") > 0).select(GRAIN)
    counted = counts.join(short, on=GRAIN, how="semi").with_columns(sent=pl.col("forwarded") + pl.col("windows"))
    return of_lanes(counted.filter(pl.col("sent") > 0)).select(*GRAIN, "lane", *_BATCH, "sent")


def newest(counted: pl.DataFrame, committed: pl.DataFrame) -> pl.DataFrame:
    """`base` and `seq` of the last batch with counts that bronze has of each lane: no later one vouches for it."""
    there = counted.join(committed, on="base").filter(pl.col("seq") <= pl.col("committed"))
    return there.group_by("base").agg(pl.col("seq").max())


def settled(
    sent: pl.DataFrame, counted: pl.DataFrame, committed: pl.DataFrame, held: pl.DataFrame, found: pl.DataFrame
) -> pl.DataFrame:
    """Increments of which nothing is on its way any more, with `until`: the number with which all of it was there.

    Args:
        sent: see `unarrived`.
        counted: `base` and `seq` of batches with counts, at least those after the first of `sent`.
        committed: by `base`, the last number that bronze has.
        held: rows of quarantine with `lane`, `base`, `seq` and `row_no`.
        found: `base` and `seq` of batches of which bronze has a row, at least those after the first of `sent`.
    """
    # Of a backlog the rest of a step may leave together with what follows it; of a live lane every batch is one step's.
    apart = pl.col("base").str.ends_with("-live").cast(pl.Int64)
    numbers = (
        counted.select(_BATCH).unique().sort(_BATCH).with_columns(end=pl.col("seq").shift(-1).over("base") - apart)
    )
    known = sent.join(numbers, on=_BATCH, how="left").join(committed, on="base")
    # A refused batch brings its counts before its rows, on a road of its own.
    landed = known.join(held.select("lane", "seq").unique(), on=["lane", "seq"], how="semi")
    known = pl.concat([known.filter(~_IS_REFUSED), landed.filter(_IS_REFUSED)])
    there = pl.concat([found.select(_BATCH), held.select(_BATCH)]).unique()
    first = newest(counted, committed).rename({"seq": "first"})
    since = there.join(first, on="base").join(committed, on="base")
    whole = since.filter(pl.col("seq").is_between("first", "committed")).group_by("base").agg(there=pl.len())
    # Every batch holds a row, but for those with counts alone.
    holes = pl.col("committed") - pl.col("seq") + 1 > pl.col("there").fill_null(0)
    gone = (pl.col("seq") <= pl.col("committed")) & holes
    told = known.join(whole, on="base", how="left").with_columns(
        until=pl.when(pl.col("end") <= pl.col("committed")).then("end").when(gone).then("committed")
    )
    unread = held.filter(pl.col("row_no").is_null()).select("base", unread="seq").sort("unread")
    near = told.sort("seq").join_asof(
        unread, left_on="seq", right_on="unread", by="base", strategy="forward", check_sortedness=False
    )
    return near.filter(pl.col("until").is_not_null(), (pl.col("unread") > pl.col("until")).fill_null(value=True))


def missing(settled: pl.DataFrame, rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Rows lost by line, as `lost`: what settled counts speak of beyond all that their lanes have brought.

    Args:
        settled: see the function of that name.
        rows: of bronze, with `lane`, `seq`, `row_no` and what tells their line.
        held: of quarantine, let in or not.
    """
    origin = ["lane", "seq", "row_no"]
    columns = [*GRAIN[:3], "ts", *origin]
    apart = held.filter(pl.col("row_no").is_not_null()).join(rows, on=origin, how="anti")
    brought = of_lanes(pl.concat([rows.select(columns), apart.select(columns)]))
    bound = settled.group_by("base").agg(bound=pl.col("until").max())
    came = (
        brought.join(bound, on="base")
        .filter(pl.col("seq") <= pl.col("bound"))
        .group_by(*GRAIN[:3], pl.col("ts").dt.truncate("1h").alias("hour"), "base")
        .agg(came=pl.len().cast(pl.Int64))
    )
    sums = settled.group_by(*GRAIN, "base").agg(pl.col("sent").sum()).join(came, on=[*GRAIN, "base"], how="left")
    lost = (pl.col("sent") - pl.col("came").fill_null(0)).clip(0)
    return sums.with_columns(lost=lost).group_by(GRAIN).agg(pl.col("lost").sum()).filter(pl.col("lost") > 0)


def told_apart(lines: pl.DataFrame, missing: pl.DataFrame) -> pl.DataFrame:
    """The books with what is lost taken out of `in_flight`."""
    known = lines.drop("lost").join(missing, on=GRAIN, how="left").sort(GRAIN)
    lost = pl.min_horizontal(pl.col("lost").fill_null(0), pl.col("in_flight").clip(0))
    return known.with_columns(lost=lost).with_columns(in_flight=pl.col("in_flight") - pl.col("lost"))
