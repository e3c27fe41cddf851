"""Rows that do not fit into memory at once come in portions, each whole in what belongs together.

A day of bronze holds the samples of all machines in turns, so they are laid out by machine once, on local disk: what is
read is read once, and what is in memory is one portion.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from lake.rewriting import files_of
from lake.spec import TableSpec
from lake.store import TenantLake

PORTION_ROWS = 250_000
"""Rows of a portion, unless a single key has more: a kilobyte or two each while silver is made of them."""
MACHINE = ("site", "equipment_id")


def rows_held(lake: TenantLake, spec: TableSpec, first: date, last: date, version: int | None = None) -> int | None:
    """Rows of the days `first` to `last`, from the Delta log alone; None if it does not tell."""
    table = lake.open(spec, version)
    files = [] if table is None else files_of(table)
    days = (first.isoformat(), last.isoformat())
    counts = [one["num_records"] for one in files if days[0] <= str(one["partition.date"]) <= days[1]]
    return None if None in counts else sum(counts)


def portions(
    rows: pl.LazyFrame, held: int | None, *, by: Sequence[str] = MACHINE, at_most: int = PORTION_ROWS
) -> Iterator[pl.DataFrame]:
    """All rows, in the order of `by` from portion to portion; rows that are alike in it are in one.

    Args:
        rows: what to read.
        held: rows there are at most; None if nobody knows.
        by: columns that must not be torn apart.
        at_most: rows of a portion, if several keys share it; up to so many nothing is laid out.

    Returns:
        One portion at least, which may be empty.
    """
    if held is not None and held <= at_most:
        yield rows.collect()
        return
    places = _places(rows, by, at_most)
    if places.height == 0 or places["portion"].item(-1) == 0:
        yield rows.collect()
        return
    with tempfile.TemporaryDirectory(prefix="goldlayer-portions-") as name:
        target = pl.PartitionBy(name, key="portion", include_key=False)
        rows.join(places.lazy(), on=by).sink_ipc(target, compression="lz4", mkdir=True, engine="streaming")
        for number in range(places["portion"].item(-1) + 1):
            folder = Path(name, f"portion={number}")
            yield pl.scan_ipc(folder / "*.ipc").collect()
            shutil.rmtree(folder)


def whole_machines(rows: pl.LazyFrame, held: int | None, *, at_most: int = PORTION_ROWS) -> Iterator[pl.DataFrame]:
    """The same of a table whose rows lie machine by machine, as silver's do: nothing is laid out, each portion is read
    where it is."""
    if held is not None and held <= at_most:
        yield rows.collect()
        return
    places = _places(rows, MACHINE, at_most)
    if places.is_empty():
        yield rows.collect()
    for machines in places.partition_by("portion", include_key=False):
        yield of_machines(rows, machines).collect()


def of_machines(rows: pl.LazyFrame, machines: pl.DataFrame) -> pl.LazyFrame:
    """Rows of some machines; the bounds let a reader leave out what lies beyond them."""
    low, high = machines["equipment_id"].min(), machines["equipment_id"].max()
    return rows.filter(pl.col("equipment_id").is_between(pl.lit(low), pl.lit(high))).join(
        machines.lazy(), on=MACHINE, how="semi"
    )


def _places(rows: pl.LazyFrame, by: Sequence[str], at_most: int) -> pl.DataFrame:
    counts = rows.group_by(by).agg(rows=pl.len()).collect(engine="streaming")
    return numbered(counts.sort(by), at_most)


def numbered(counts: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """Keys with the number of their `portion`: neighbours share one as long as their `rows` fit. Pure."""
    number, filled, found = 0, 0, list[int]()
    for rows in counts["rows"]:
        if filled and filled + rows > at_most:
            number, filled = number + 1, 0
        filled += rows
        found.append(number)
    return counts.drop("rows").with_columns(portion=pl.Series(found, dtype=pl.Int32))
