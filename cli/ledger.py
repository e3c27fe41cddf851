"""`platform ledger`: the books of a tenant, signal by signal, and every time that was not as it should be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
_TERMS = (
    "read", "withheld", "suppressed", "aggregated", "forwarded", "windows", "rules", "sent",
    "bronze", "doubled", "quarantined", "in_flight", "lost", "silver", "superseded", "rejected",
)  # fmt: skip


_MOST_SPELLS = 20
"""Spells of bad quality shown on a terminal."""


@app.command()
def ledger(
    tenant: Annotated[str, typer.Option(help="Which tenant.")],
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only hours from this source time on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only hours before this source time, UTC.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, hour by hour.")] = False,
    run: RunOption = None,
) -> None:
    """Every reading accounted for, as last reconciled; exit code 1 if rows are lost or the books do not balance."""
    import polars as pl

    from cli.lake import lake_of
    from core.errors import NotFoundError
    from lake.tables import ops
    from quality.balance import imbalances

    lake = lake_of(run).tenant(tenant)
    version = lake.version(ops.BOOKS)
    if version is None:
        raise NotFoundError(
            "there are no books yet", received=tenant, next_step="check the name, or let Dagster build silver first"
        )
    limits = [pl.lit(value=True)]
    if site is not None:
        limits.append(pl.col("site") == site)
        _require_known(lake.scan(ops.BOOKS), site)
    start, end = _utc(since), _utc(until)
    hours = [*limits, *_between("hour", "hour", start, end)]
    lines = (
        lake.scan(ops.BOOKS)
        .with_columns(pl.col("lost", "doubled").fill_null(0))
        .filter(*hours)
        .sort("site", "equipment_id", "signal", "hour")
        .collect()
    )
    # A gap that reaches into the period belongs to it, wherever it began.
    reaching = [*limits, *_between("ts", "until", start, end)]
    gaps = lake.scan(ops.GAPS).filter(*reaching).sort("site", "equipment_id", "ts").collect()
    broken = {equation: count for equation, count in imbalances(lines).items() if count}
    at = lake.committed_at(ops.BOOKS, version)
    if as_json:
        document = {
            "tenant": tenant,
            "balanced": not broken,
            "broken": broken,
            "totals": _totals(lines),
            "lines": lines.drop("date").to_dicts(),
            "gaps": gaps.drop("date").to_dicts(),
            "reconciled_at": at,
        }
        typer.echo(json.dumps(document, default=_text))
    else:
        _show(lines)
        _show_gaps(gaps)
        _show_lost(lines)
        for equation, count in broken.items():
            typer.echo(f"BROKEN: {equation}: {count} of {lines.height} lines", err=True)
        said = "the books do not balance" if broken else "the books balance"
        typer.echo(f"{said}; reconciled {at.isoformat(timespec='seconds')}, {lines.height} lines")
    if broken:
        raise typer.Exit(1)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _require_known(books: pl.LazyFrame, site: str) -> None:
    """Books of a site that is spelled wrong have no line, and would balance."""
    from core.errors import NotFoundError

    known: list[str] = sorted(books.select("site").unique().collect()["site"].to_list())
    if site not in known:
        raise NotFoundError("no such site in the books", expected=", ".join(known), received=site, where="--site")


def _between(first: str, last: str, start: datetime | None, end: datetime | None) -> Iterable[pl.Expr]:
    """Rows that reach into a period; `first` and `last` are columns."""
    import polars as pl

    if start is not None:
        yield pl.col(last) >= start
    if end is not None:
        yield pl.col(first) < end


def _totals(lines: pl.DataFrame) -> dict[str, int]:
    return {term: int(lines[term].sum()) for term in _TERMS}


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _show(lines: pl.DataFrame) -> None:
    """Signals as rows, terms as columns; the last row is the sum."""
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    table = Table("site", "machine", "signal", *(term.replace("_", " ") for term in _TERMS), title="books")
    grain = ["site", "equipment_id", "signal"]
    for row in lines.group_by(grain).agg(pl.col(list(_TERMS)).sum()).sort(grain).iter_rows():
        table.add_row(*row[:3], *(f"{count:,}" for count in row[3:]))
    table.add_section()
    table.add_row("all", "", "", *(f"{count:,}" for count in _totals(lines).values()))
    console = Console(width=None if Console().is_terminal else 240)
    console.print(table)


def _show_lost(lines: pl.DataFrame) -> None:
    """A line each signal of which rows were sent that will not come any more."""
    import polars as pl

    grain = ["site", "equipment_id", "signal"]
    sums = (
        lines.filter(pl.col("lost") > 0)
        .group_by(grain)
        .agg(pl.col("lost").sum(), pl.col("hour").min(), last=pl.col("hour").max())
    )
    for site, machine, signal, count, first, last in sums.sort(grain).iter_rows():
        hours = f"hours {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"LOST: {site} {machine} {signal}: {count:,} rows, {hours}", err=True)


def _show_gaps(gaps: pl.DataFrame) -> None:
    """A line each; of bad quality only the longest spells, whose rows stand in the books like any others."""
    import polars as pl

    from core.contracts.reading import LINK_DOWN
    from quality.spells import BAD_QUALITY

    is_bad = pl.col("reason") == BAD_QUALITY
    for gap in gaps.filter(~is_bad).iter_rows(named=True):
        what = "late" if gap["reason"] == LINK_DOWN else "unread"
        typer.echo(
            f"{what}: {gap['site']} {gap['equipment_id']} {_span(gap)}, {gap['duration_s']:,.0f} s, {gap['reason']}"
        )
    spells = gaps.filter(is_bad)
    shown = spells.sort("readings", descending=True, maintain_order=True).head(_MOST_SPELLS)
    for one in shown.iter_rows(named=True):
        where = f"{one['site']} {one['equipment_id']} {one['signal']}"
        typer.echo(f"bad quality: {where} {_span(one)}, {one['readings']:,} readings")
    if spells.height > shown.height:
        typer.echo(f"bad quality: {spells.height - shown.height:,} shorter spells more, all of them with --json")


def _span(gap: dict[str, Any]) -> str:
    return f"{gap['ts']:%Y-%m-%d %H:%M:%S} to {gap['until']:%Y-%m-%d %H:%M:%S} UTC"
