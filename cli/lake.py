"""`platform lake tables | query | fleet`: look into the lake, and what is usual among tenants."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import load_settings

if TYPE_CHECKING:
    from assets.fleet.deliver import Delivery
    from lake.reader import Answer
    from lake.store import Lake

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")]


@app.command()
def tables(tenant: TenantOption, run: RunOption = None) -> None:
    """Every table of a tenant: version, rows, days, last commit."""
    from lake.tables import TABLES

    lake = open_lake(run).tenant(tenant)
    lines = [("table", "version", "rows", "days", "last commit")]
    for spec in TABLES.values():
        version = lake.version(spec)
        if version is None:
            lines.append((spec.full_name, "-", "-", "-", "never written"))
            continue
        days = lake.days(spec, version)
        span = f"{days[0]} to {days[-1]}" if days else "-"
        at = lake.committed_at(spec, version).isoformat(timespec="seconds")
        lines.append((spec.full_name, str(version), f"{lake.count(spec):,}", span, at))
    _print(lines)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over one table, written as layer.name.")],
    tenant: TenantOption,
    as_json: Annotated[bool, typer.Option("--json", help="Rows and evidence as one JSON document.")] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.")] = 1000,
    run: RunOption = None,
) -> None:
    """Read a table by SQL, with the evidence of where the rows came from."""
    from lake.reader import LakeReader
    from lake.tables import TABLES

    named = [name for name in TABLES if name in sql.replace('"', "").lower()]
    # `silver.readings` also stands inside `silver.readings_daily`: the longest name counts.
    named = [name for name in named if not any(name != other and name in other for other in named)]
    answer = LakeReader(open_lake(run).tenant(tenant), row_cap=limit).query(sql, named)
    if as_json:
        evidence = [one.model_dump() for one in answer.evidence]
        document = {"rows": answer.rows, "truncated": answer.truncated, "evidence": evidence}
        typer.echo(json.dumps(document, default=str, ensure_ascii=False))
        return
    _show(answer)


@app.command()
def fleet(run: RunOption = None) -> None:
    """Compute the aggregates over tenants that agreed, and take them from those that no longer do; exit code 1 if a
    tenant's lake could not be worked on."""

    async def work() -> Delivery:
        from assets.fleet.refresh import refresh
        from cli.session import tenancy_of
        from core.audit import Actor
        from lake.store import Lake

        settings = load_settings()
        async with tenancy_of(run) as tenancy:
            lake = Lake(RunFolder.find(run, settings).lake_root(settings))
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


def _show(answer: Answer) -> None:
    _print([tuple(answer.columns), *(tuple(str(row[name]) for name in answer.columns) for row in answer.rows)])
    for one in answer.evidence:
        days = " to ".join(dict.fromkeys((one.partitions[0], one.partitions[-1]))) if one.partitions else "no days"
        typer.echo(
            f"\n{one.rows} rows of {one.table} at version {one.version}, committed {one.as_of}, {days}", err=True
        )
    if answer.truncated:
        typer.echo("there are more rows: raise --limit", err=True)


def open_lake(path: Path | None) -> Lake:
    """The lake of an installation that has one."""
    from lake.store import Lake

    settings = load_settings()
    root = RunFolder.find(path, settings).lake_root(settings)
    if "://" not in root and not Path(root).is_dir():
        raise InputError("there is no lake yet", where=root, next_step="run `platform demo` or `platform up`")
    return Lake(root)


def _print(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
