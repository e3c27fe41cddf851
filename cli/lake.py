"""`platform lake`: look into a tenant's tables and look after them, and what is usual among tenants."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import lake_secret
from cli.lake_accept import accept
from cli.lake_backfill import backfill
from cli.lake_doctor import doctor
from cli.table import print_table
from cli.times import moment
from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import load_settings

if TYPE_CHECKING:
    from assets.fleet.deliver import Delivery
    from lake.exploring import Explored
    from lake.spec import TableSpec
    from lake.store import Lake, TenantLake

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command()(accept)
app.command()(backfill)
app.command()(doctor)
app.add_typer(lake_secret.app, name="secret", help="What the store wants to know and no setting may say.")

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")]
TableArgument = Annotated[str, typer.Argument(help="Full name of a table, layer.name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command()
def tables(tenant: TenantOption, as_json: JsonOption = False, run: RunOption = None) -> None:
    """Every table of a tenant: version, rows, days, last commit."""
    from lake.tables import TABLES

    lake = lake_of(run).tenant(tenant)
    found = [(spec, stored(lake, spec)) for spec in TABLES.values()]
    if as_json:
        _json([{"table": spec.full_name, "stored": facts} for spec, facts in found])
        return
    lines = [("table", "version", "rows", "days", "last commit")]
    for spec, facts in found:
        if facts is None:
            lines.append((spec.full_name, "-", "-", "-", "never written"))
        else:
            days = _span(facts["first_day"], facts["last_day"])
            at = str(facts["committed_at"])
            lines.append((spec.full_name, str(facts["version"]), f"{facts['rows']:,}", days, at))
    print_table(lines)


@app.command()
def describe(name: TableArgument, tenant: TenantOption, as_json: JsonOption = False, run: RunOption = None) -> None:
    """What a table is: columns with units, keys, partitions, retention, owner, checks, and what is stored of it."""
    from lake.reader import LakeReader
    from lake.tables import table
    from quality.declared import declared, in_words

    spec = table(name)
    lake = lake_of(run).tenant(tenant)
    held = stored(lake, spec)
    latest = LakeReader(lake).checks(spec.full_name)
    if as_json:
        _json({**declared(spec), "stored": held, "latest_checks": latest})
        return
    typer.echo(in_words(spec))
    if held is None:
        typer.echo("\nNothing was written to it yet.")
        return
    typer.echo(
        f"\nStored: version {held['version']} of {held['committed_at']}, {held['rows']:,} rows in {held['files']:,} "
        f"files, {held['bytes']:,} bytes, days {_span(held['first_day'], held['last_day'])}."
    )
    if latest:
        typer.echo("\nLatest checks:\n" + "\n".join(f"  {status:<7} {check}" for check, status in latest.items()))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over tables written as layer.name.")],
    tenant: TenantOption,
    version: Annotated[int | None, typer.Option(min=0, help="Read this version; for a query over one table.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Read the tables as they stood then: 2026-11-21T14:00 in UTC, or 24h ago.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Rows and evidence as one JSON document.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows at most.")] = 1000,
    run: RunOption = None,
) -> None:
    """Read a tenant's tables by SQL, now or as they stood, with what was read of which table at which version."""
    from lake.duck import Limits
    from lake.exploring import explore

    moment_asked = None if at is None else moment(at, datetime.now(UTC))
    lake = lake_of(run).tenant(tenant)
    answer = explore(lake, sql, version=version, at=moment_asked, limits=Limits(rows=limit))
    if as_json:
        evidence = [
            {"table": one.table, "version": one.version, "as_of": one.committed_at.isoformat(), "query": sql}
            for one in answer.sources
        ]
        _json({"rows": answer.found.rows, "truncated": answer.found.truncated, "evidence": evidence})
        return
    _show(answer)


@app.command()
def page() -> None:
    """Every table, as the page `docs/tables.md`."""
    from quality.tables_page import page as written

    typer.echo(written(), nl=False)


@app.command()
def history(
    name: TableArgument,
    tenant: TenantOption,
    limit: Annotated[int, typer.Option(min=1, help="Commits at most, the latest first.")] = 20,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """What happened to a table, commit by commit, in words."""
    from dataclasses import asdict

    from lake.history import commits
    from lake.tables import table

    found = commits(lake_of(run).tenant(tenant), table(name), limit)
    if as_json:
        _json([asdict(one) for one in found])
        return
    lines = [(str(one.version), one.at.isoformat(timespec="seconds"), one.words) for one in found]
    print_table([("version", "committed", "what"), *lines])


@app.command()
def optimize(
    tenant: TenantOption,
    name: Annotated[str | None, typer.Argument(help="Full name of a table; all if not given.")] = None,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """Bring small files together, lay rows along a Z-curve, drop days kept no longer and files that no version needs.

    Readers and writers go on meanwhile. Exit code 1 if a table failed; the others are done all the same.
    """
    from dataclasses import asdict

    from lake.tables import TABLES, table
    from lake.upkeep import optimize as look_after
    from quality.standing import still_needed

    lake = lake_of(run).tenant(tenant)
    specs = list(TABLES.values()) if name is None else [table(name)]
    outcomes = list(look_after(lake, specs, rest_s=0.0, needed=still_needed(lake)))
    if as_json:
        _json([asdict(one) for one in outcomes])
    else:
        print_table([("table", "what"), *((one.table, one.words) for one in outcomes)])
    if any(one.error for one in outcomes):
        raise typer.Exit(1)


@app.command()
def fleet(run: RunOption = None) -> None:
    """Compute the aggregates over tenants that agreed, and take them from those that no longer do; exit code 1 if a
    tenant's lake could not be worked on."""

    async def work() -> Delivery:
        from assets.fleet.refresh import refresh
        from cli.session import tenancy_of
        from core.audit import Actor
        from lake.opening import open_lake

        settings = load_settings()
        async with tenancy_of(run) as tenancy:
            lake = open_lake(RunFolder.find(run, settings), settings)
            least = settings.tenancy.fleet_least_tenants
            return await refresh(tenancy, lake, least, actor=Actor.command("lake fleet"))

    done = asyncio.run(work())
    typer.echo(f"{len(done.contributors)} tenants agree and count")
    for name, rows in done.rows.items():
        typer.echo(f"{name}: {rows} rows for each of them")
    if done.emptied:
        typer.echo(f"taken back from {', '.join(done.emptied)}")
    for slug, reason in done.failed.items():
        typer.echo(f"failed: {slug}: {' '.join(reason.split())}", err=True)
    if done.failed:
        raise typer.Exit(1)


def stored(lake: TenantLake, spec: TableSpec) -> dict[str, object] | None:
    """What is stored of a table: version, rows, files, bytes and days; None if it was never written."""
    from lake.rewriting import files_of

    table = lake.open(spec)
    if table is None:
        return None
    files = files_of(table)
    days = sorted(str(one["partition.date"]) for one in files) if "date" in spec.partition_by else []
    return {
        "version": table.version(),
        "committed_at": lake.committed_at(spec, table.version()).isoformat(timespec="seconds"),
        "rows": sum(one["num_records"] or 0 for one in files),
        "files": len(files),
        "bytes": sum(one["size_bytes"] for one in files),
        "first_day": days[0] if days else None,
        "last_day": days[-1] if days else None,
    }


def lake_of(path: Path | None) -> Lake:
    """The lake of an installation that has one."""
    from lake.opening import open_lake

    settings = load_settings()
    lake = open_lake(RunFolder.find(path, settings), settings)
    if "://" not in lake.root and not Path(lake.root).is_dir():
        raise InputError("there is no lake yet", where=lake.root, next_step="run `platform demo` or `platform up`")
    return lake


def _show(answer: Explored) -> None:
    found = answer.found
    print_table([tuple(found.columns), *(tuple(str(row[name]) for name in found.columns) for row in found.rows)])
    for one in answer.sources:
        at = one.committed_at.isoformat(timespec="seconds")
        typer.echo(f"\n{one.table} at version {one.version}, committed {at}", err=True)
    if found.truncated:
        typer.echo("there are more rows: raise --limit", err=True)


def _span(first: object, last: object) -> str:
    return "-" if first is None else f"{first} to {last}"


def _json(document: object) -> None:
    typer.echo(json.dumps(document, default=str, ensure_ascii=False))
