"""Which rows that have not arrived are lost: their lane has gone past them, and a lane has no holes. Pure.

A bridge's counts ride in the first batch of what they count. The rest follows in the same lane before the next counts;
in a backlog, whose neighbours leave as one, at the latest in one batch with them. Once bronze has all of that, and
quarantine what was refused of it, nothing that was counted is on its way.
What can prove nothing stays in flight: what a lane's last counts speak of, events (counted in another lane than they
travel in), numbers up to the last one that was used again, times that have no day, and batches that nobody can read,
which the books know by their header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from assets.silver.books import GRAIN
from core.contracts.lanes import REFUSED, REUSED

_BATCH = ["base", "seq"]
_LANE = rf"^(?:{REFUSED})?([^/]+/[^/]+/readings-(?:live|backlog))$"
"""A lane of readings, also of what was refused of it."""
_IS_REFUSED = pl.col("lane").str.starts_with(REFUSED)


def with_refused(bases: Iterable[str]) -> list[str]:
    """Lanes, and those under which the lake keeps what the gateway refused of them."""
    return [road + base for base in bases for road in ("", REFUSED)]


def numbered(bases: Iterable[str]) -> list[str]:
    """Names under which bronze and quarantine keep how far they are with some lanes; see `progress`."""
    return [road + base for base in bases for road in ("", REFUSED, REUSED)]


def progress(bases: Iterable[str], bronze: Mapping[str, int], quarantine: Mapping[str, int]) -> pl.DataFrame:
    """How far the lake is with some lanes, numbers of batches, 0 for none.

    Args:
        bases: the lanes.
        bronze: by name, the numbers of `bronze.readings`.
        quarantine: by name, those of `bronze.quarantine`, read before its rows.

    Returns:
        By `base`: `committed`, the last that bronze has; `refused`, the last of which bronze knows that it was refused
        and goes to quarantine; `arrived`, the last refused one that quarantine has; `reused`, the last used again.
    """
    rows = [
        (base, bronze.get(base, 0), bronze.get(REFUSED + base, 0), quarantine.get(REFUSED + base, 0),
         bronze.get(REUSED + base, 0))
        for base in bases
    ]  # fmt: skip
    numbers = dict.fromkeys(("committed", "refused", "arrived", "reused"), pl.Int64)
    return pl.DataFrame(rows, {"base": pl.String, **numbers}, orient="row")


def of_lanes(rows: pl.DataFrame) -> pl.DataFrame:
    """Those rows whose `lane` is one of readings, with its own name as `base`; refused batches belong to it."""
    return rows.with_columns(base=pl.col("lane").str.extract(_LANE)).drop_nulls("base")


def unarrived(lines: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Increments of `bronze.bridge_counts` on those lines of the books that are short, with `base` and `sent`.

    Lines that are not booked on their own day are passed over: bronze was not read for it.
    """
    short = lines.filter(pl.col("in_flight") > 0, pl.col("hour").dt.date() == pl.col("date")).select(GRAIN)
    counted = counts.join(short, on=GRAIN, how="semi").with_columns(sent=pl.col("forwarded") + pl.col("windows"))
    return of_lanes(counted.filter(pl.col("sent") > 0)).select(*GRAIN, "lane", *_BATCH, "sent")


def settled(sent: pl.DataFrame, counted: pl.DataFrame, progress: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Increments of which nothing is on its way any more, with `until`: the number with which all of it was there.

    Args:
        sent: see `unarrived`.
        counted: `base` and `seq` of batches with counts, at least those after the first of `sent`.
        progress: see the function of that name.
        held: rows of quarantine with `lane`, `base`, `seq`, `row_no` and `rows`.
    """
    # Of a backlog the rest of a step may leave together with what follows it; of a live lane every batch is one step's.
    apart = pl.col("base").str.ends_with("-live").cast(pl.Int64)
    numbers = (
        counted.select(_BATCH).unique().sort(_BATCH).with_columns(until=pl.col("seq").shift(-1).over("base") - apart)
    )
    known = sent.join(numbers, on=_BATCH, how="left").join(progress, on="base")
    # A refused batch brings its counts before its rows, on a road of its own.
    landed = known.join(held.select("lane", "seq").unique(), on=["lane", "seq"], how="semi")
    known = pl.concat([known.filter(~_IS_REFUSED), landed.filter(_IS_REFUSED)])
    # Bronze has gone past it, and quarantine, which is read of another topic, has not got it yet.
    first_awaited = pl.max_horizontal(pl.col("seq"), pl.col("arrived") + 1)
    awaited = first_awaited <= pl.min_horizontal("until", "refused")
    told = known.filter(pl.col("until") <= pl.col("committed"), pl.col("seq") > pl.col("reused"), ~awaited)
    unread = held.filter(pl.col("row_no").is_null(), pl.col("rows") > 0).select("base", unread="seq").sort("unread")
    near = told.sort("seq").join_asof(
        unread, left_on="seq", right_on="unread", by="base", strategy="forward", check_sortedness=False
    )
    return near.filter((pl.col("unread") > pl.col("until")).fill_null(value=True))


def missing(settled: pl.DataFrame, rows: pl.LazyFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Rows lost by line, as `lost`: what settled counts speak of beyond all that their lanes have brought.

    Args:
        settled: see the function of that name.
        rows: of bronze on the days of these counts, with `lane`, `seq`, `row_no` and what tells their line.
        held: of quarantine, let in or not.
    """
    origin = ["lane", "seq", "row_no"]
    columns = [*GRAIN[:3], "ts", *origin]
    span = settled.group_by("base").agg(first=pl.col("seq").min(), last=pl.col("until").max())
    lanes = of_lanes(pl.DataFrame({"lane": with_refused(span["base"])}, {"lane": pl.String})).join(span, on="base")
    ours = rows.select(columns).join(lanes.lazy(), on="lane").filter(pl.col("seq").is_between("first", "last"))
    readable = held.filter(pl.col("row_no").is_not_null()).select(columns)
    let_in = ours.join(readable.lazy(), on=origin, how="semi").select(origin).collect(engine="streaming")
    apart = readable.join(let_in, on=origin, how="anti").join(lanes, on="lane")
    line = [*GRAIN[:3], pl.col("ts").dt.truncate("1h").alias("hour"), "base"]
    came = (
        pl.concat([ours.unique(origin), apart.filter(pl.col("seq").is_between("first", "last")).lazy()])
        .group_by(line)
        .agg(came=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    sums = settled.group_by(*GRAIN, "base").agg(pl.col("sent").sum()).join(came, on=[*GRAIN, "base"], how="left")
    lost = (pl.col("sent") - pl.col("came").fill_null(0)).clip(0)
    return sums.with_columns(lost=lost).group_by(GRAIN).agg(pl.col("lost").sum()).filter(pl.col("lost") > 0)


def told_apart(lines: pl.DataFrame, missing: pl.DataFrame) -> pl.DataFrame:
    """The books with what is lost taken out of `in_flight`."""
    known = lines.drop("lost").join(missing, on=GRAIN, how="left").sort(GRAIN)
    lost = pl.min_horizontal(pl.col("lost").fill_null(0), pl.col("in_flight").clip(0))
    return known.with_columns(lost=lost).with_columns(in_flight=pl.col("in_flight") - pl.col("lost"))
