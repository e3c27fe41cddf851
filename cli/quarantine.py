"""`platform quarantine list | show | replay`: what could not be used, why, and letting it in after all."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.lake import lake_of
from cli.table import print_table

if TYPE_CHECKING:
    import polars as pl

    from ingestion.replay.readmit import Replayed, Selection
    from lake.store import TenantLake

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option(help="Which tenant.")]
SiteOption = Annotated[str | None, typer.Option(help="Only what this site's bridge sent.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only reasons with these words.")]
LaneOption = Annotated[str | None, typer.Option(help="Only this lane, as `list` names it.")]
SeqOption = Annotated[int | None, typer.Option(help="Only this number of its lane.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command(name="list")
def list_(
    tenant: TenantOption,
    site: SiteOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """What stands in quarantine, by lane and reason: rows, and how many of them were let in since."""
    import polars as pl

    from ingestion.replay.readmit import Selection

    rows = _rows(lake_of(run).tenant(tenant), Selection(site, reason))
    groups = (
        rows.group_by("site", "lane", "reason", "contract_version")
        .agg(
            rows=pl.col("rows").sum(),
            readmitted=pl.col("rows").filter("readmitted").sum(),
            batches=pl.col("seq").n_unique(),
            first_seq=pl.col("seq").min(),
            last_received=pl.col("received_at").max(),
        )
        .sort("site", "lane", "reason")
    )
    if as_json:
        typer.echo(json.dumps({"tenant": tenant, "groups": groups.to_dicts()}, default=_text, ensure_ascii=False))
        return
    head = ("rows", "let in", "lane", "first seq", "contract", "last received", "reason")
    lines = [
        (
            f"{one['rows']:,}",
            f"{one['readmitted']:,}",
            one["lane"],
            str(one["first_seq"]),
            one["contract_version"] or "-",
            one["last_received"].isoformat(timespec="seconds"),
            one["reason"],
        )
        for one in groups.iter_rows(named=True)
    ]
    print_table([head, *lines] if lines else [("nothing is in quarantine",)])


@app.command()
def show(
    tenant: TenantOption,
    lane: LaneOption = None,
    seq: SeqOption = None,
    site: SiteOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows at most.")] = 50,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """Single rows with their origin, reason and contract; the bytes of a batch are told by their length."""
    import polars as pl

    from core.errors import NotFoundError
    from ingestion.replay.readmit import Selection

    rows = _rows(lake_of(run).tenant(tenant), Selection(site, reason, lane, seq))
    if rows.is_empty():
        raise NotFoundError(
            "nothing like this is in quarantine", next_step=f"`platform quarantine list --tenant {tenant}`"
        )
    shown = rows.sort("received_at", "lane", "seq", "row_no").head(limit)
    told = shown.with_columns(payload_bytes=pl.col("payload").bin.size()).drop("payload", "header", "date", "kind")
    if as_json:
        document = {"tenant": tenant, "rows": told.to_dicts(), "of": rows.height}
        typer.echo(json.dumps(document, default=_text, ensure_ascii=False))
        return
    for one in told.iter_rows(named=True):
        row = "whole batch" if one["row_no"] is None else f"row {one['row_no']}"
        typer.echo(f"{one['lane']} {one['seq']} {row}: {one['reason']}{' (let in since)' if one['readmitted'] else ''}")
        facts = ("site", "equipment_id", "signal", "ts", "value", "text", "quality", "rows", "contract_version")
        typer.echo("  " + ", ".join(f"{name} {_text(one[name])}" for name in facts if one[name] is not None))
    if rows.height > limit:
        typer.echo(f"{rows.height - limit} more rows: raise --limit", err=True)


@app.command()
def replay(
    tenant: TenantOption,
    site: SiteOption = None,
    reason: ReasonOption = None,
    lane: LaneOption = None,
    seq: SeqOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be let in.")] = False,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """Let in what today's contracts and limits allow, each row once; what they do not allow stays, with the reason."""
    from ingestion.replay.readmit import Selection

    found = asyncio.run(_replay(tenant, Selection(site, reason, lane, seq), run, dry_run=dry_run))
    if as_json:
        document = {"tenant": tenant, "let_in": found.rows, "waiting": found.waiting, "dry_run": dry_run}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    total = sum(found.rows.values())
    typer.echo(f"{total:,} rows {'would be' if dry_run else 'were'} let in" + "".join(map(_part, found.rows.items())))
    for why, count in sorted(found.waiting.items()):
        typer.echo(f"{count:,} rows stay: {why}")
    if total and not dry_run:
        typer.echo("their days are built by the sensor `bronze_watch`, or by `platform dagster materialize`")


def _part(entry: tuple[str, int]) -> str:
    return f"; {entry[0]} {entry[1]:,}"


async def _replay(slug: str, selection: Selection, run: Path | None, *, dry_run: bool) -> Replayed:
    from cli.session import tenancy_of
    from core.audit import Actor
    from core.settings import load_settings
    from ingestion.gateway.promise import Promise
    from ingestion.replay import readmit
    from ingestion.replay.held import Rules
    from ingestion.sink.checks import TimeLimits

    settings, actor = load_settings(), Actor.command("quarantine replay")
    async with tenancy_of(run) as tenancy:
        scope = await tenancy.get(slug)
        promises = {one.site.site: Promise.of(one.site, one.contract) for one in await tenancy.sites(scope)}
        limits = TimeLimits.of(settings.lake.first_day, settings.sink.max_ahead_s)
        rules = Rules(promises, limits, settings.gateway.max_batch_bytes)
        lake, now = lake_of(run).tenant(slug), datetime.now(UTC)
        if dry_run:
            plan = await asyncio.to_thread(readmit.plan_replay, lake, selection, rules, by=str(actor), at=now)
            return readmit.Replayed(plan.rows, plan.waiting)
        found = await asyncio.to_thread(readmit.replay, lake, selection, rules, by=str(actor), at=now)
        await tenancy.audit.record(scope, actor, "quarantine.replay", selection.site or "*", after=found.rows)
        return found


def _rows(lake: TenantLake, selection: Selection) -> pl.DataFrame:
    """Rows of quarantine, and whether each was let in since."""
    import polars as pl

    from lake.tables.bronze import QUARANTINE, READMISSIONS

    key = ["lane", "seq", "row_no"]
    since = lake.scan(READMISSIONS).select(*key, readmitted=pl.lit(value=True))
    rows = selection.of(lake.scan(QUARANTINE)).join(since, on=key, how="left", nulls_equal=True)
    return rows.with_columns(pl.col("readmitted").fill_null(value=False)).collect()


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
