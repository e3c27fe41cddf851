"""`platform lake accept`: what a blocking check found on a day is right, and somebody says why."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError

if TYPE_CHECKING:
    from quality.acceptance import Open


def accept(
    name: Annotated[str, typer.Argument(help="Full name of the table that was checked, layer.name.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")],
    day: Annotated[str, typer.Option(help="UTC day, 2026-11-21.")],
    check: Annotated[str, typer.Option(help="Name of the blocking check, as its failure tells it.")],
    reason: Annotated[str, typer.Option(help="Why it is right: kept, audited, and shown with the check.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    run: Annotated[Path | None, typer.Option(help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")] = None,
) -> None:
    """Let a day through whose blocking check found what is right, an exchanged counter for one: exactly what it found
    warns from the next build of that day; whatever else it finds blocks as before."""
    from lake.tables import table
    from quality.acceptance import checked_reason

    spec, on, why = table(name), _day(day), checked_reason(reason)
    found = asyncio.run(_accept(tenant, spec.full_name, check, on, why, run))
    if as_json:
        document = {"tenant": tenant, "table": found.table, "check": check, "day": day, "findings": found.findings}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    for one in found.findings:
        typer.echo(f"accepted: {one}")
    again = f"platform lake backfill --from {on} --to {on} --tenant {tenant}"
    typer.echo(f"it counts when the day is built again: `{again}`")


async def _accept(slug: str, name: str, check: str, on: date, reason: str, run: Path | None) -> Open:
    from cli.lake import lake_of
    from cli.session import tenancy_of
    from core.audit import Actor
    from quality.acceptance import accept as put
    from quality.acceptance import standing

    actor, at = Actor.command("lake accept"), datetime.now(UTC)
    by = f"{pwd.getpwuid(os.getuid()).pw_name} ({actor})"
    async with tenancy_of(run) as tenancy:
        scope = await tenancy.get(slug)
        lake = lake_of(run).tenant(slug)
        found = await asyncio.to_thread(standing, lake, name, check, on)
        told = {"findings": list(found.findings), "reason": reason, "by": by}
        # Before it counts: what nobody can look up later must not let anything through.
        await tenancy.audit.record(scope, actor, "lake.accept", f"{name} {check} {on}", after=told)
        await asyncio.to_thread(put, lake, found, reason=reason, by=by, at=at)
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("not a day", expected="2026-11-21", received=text, where="--day") from error
