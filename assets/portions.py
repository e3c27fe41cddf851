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

PORTION_ROWS = 500_000
"""Rows of a portion, unless a single key has more: a kilobyte or two each while silver is made of them."""
MACHINE = ("site", "equipment_id")


def rows_held(lake: TenantLake, spec: TableSpec, days: Sequence[date], version: int | None = None) -> int | None:
    """Rows of some days, from the Delta log alone; None if it does not tell."""
    table = lake.open(spec, version)
    names = {day.isoformat() for day in days}
    counts = [one["num_records"] for one in files_of(table) if str(one["partition.date"]) in names] if table else []
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
    counts = rows.group_by(by).agg(rows=pl.len()).collect(engine="streaming").sort(by)
    places = numbered(counts, at_most)
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


def numbered(counts: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """Keys with the number of their `portion`: neighbours share one as long as their `rows` fit. Pure."""
    number, filled, found = 0, 0, list[int]()
    for rows in counts["rows"]:
        if filled and filled + rows > at_most:
            number, filled = number + 1, 0
        filled += rows
        found.append(number)
    return counts.drop("rows").with_columns(portion=pl.Series(found, dtype=pl.Int32))
