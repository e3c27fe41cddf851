"""`platform audit search | export | verify`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.session import tenancy_of
from cli.table import print_table
from cli.times import moment
from core.errors import InputError

if TYPE_CHECKING:
    from core.audit import Actor, AuditRecord
    from core.audit.reading import Filters
    from core.db import TenantScope, Transaction
    from core.tenancy import Tenancy

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Who changed what, and whether the log is whole.")

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str | None, typer.Option(help="One tenant's records; without it, every tenant's.")]
OwnOption = Annotated[bool, typer.Option("--platform", help="Only what belongs to no tenant.")]
SinceOption = Annotated[str | None, typer.Option(help="First moment, UTC: 2026-11-21, 2026-11-21T14:00, or 24h ago.")]
UntilOption = Annotated[str | None, typer.Option(help="First moment after.")]
ActionOption = Annotated[str | None, typer.Option(help="Action; * stands for any text: tenant.*")]
ActorOption = Annotated[str | None, typer.Option(help="Who, or for whom; kind and name: agent:*, user:ann@example.com")]
TargetOption = Annotated[str | None, typer.Option(help="On what; * stands for any text.")]
OutcomeOption = Annotated[str | None, typer.Option(help="done, denied, failed or another word.")]
RequestOption = Annotated[str | None, typer.Option("--request", help="Correlation id of one request.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The filters as they were typed."""

    tenant: str | None
    platform: bool
    since: str | None
    until: str | None
    action: str | None
    actor: str | None
    target: str | None
    outcome: str | None
    request: str | None

    def words(self) -> dict[str, str]:
        """Only what was given."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    def filters(self, scope: TenantScope | None) -> Filters:
        """As the log understands them."""
        from core.audit.chain import PLATFORM_CHAIN
        from core.audit.reading import Filters

        now = datetime.now(UTC)
        return Filters(
            chain=scope.id if scope else PLATFORM_CHAIN if self.platform else None,
            since=moment(self.since, now) if self.since else None,
            until=moment(self.until, now) if self.until else None,
            action=self.action,
            actor=self.actor,
            target=self.target,
            outcome=self.outcome,
            request_id=self.request,
        )


@app.command()
def search(
    tenant: TenantOption = None,
    platform: OwnOption = False,
    since: SinceOption = None,
    until: UntilOption = None,
    action: ActionOption = None,
    actor: ActorOption = None,
    target: TargetOption = None,
    outcome: OutcomeOption = None,
    request: RequestOption = None,
    limit: Annotated[int, typer.Option(help="Records at most.", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """The newest records that match, newest first."""
    asked = _Asked(tenant, platform, since, until, action, actor, target, outcome, request)

    async def work() -> None:
        from core.audit.reading import newest

        async with tenancy_of(run) as tenancy, _reading(tenancy, asked, "search") as (transaction, filters):
            records = await newest(transaction, filters, limit)
            slugs = await _slugs(tenancy)
        if as_json:
            typer.echo(json.dumps([_named(record, slugs) for record in records], ensure_ascii=False, indent=2))
        else:
            print_table([_line(record, slugs) for record in records] or [("nothing was recorded that matches",)])

    asyncio.run(work())


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="File to write; its manifest goes beside it.")],
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="jsonl or csv.")] = "jsonl",
    tenant: TenantOption = None,
    platform: OwnOption = False,
    since: SinceOption = None,
    until: UntilOption = None,
    action: ActionOption = None,
    actor: ActorOption = None,
    target: TargetOption = None,
    outcome: OutcomeOption = None,
    request: RequestOption = None,
    run: RunOption = None,
) -> None:
    """Write matching records to a file, oldest first, with a manifest and its checksum; the export is recorded too."""
    asked = _Asked(tenant, platform, since, until, action, actor, target, outcome, request)

    async def work() -> None:
        from core.audit import Actor
        from core.audit.export import export as write
        from core.audit.reading import oldest

        who = Actor.command("audit export")
        async with tenancy_of(run) as tenancy:
            slugs = await _slugs(tenancy)
            async with _reading(tenancy, asked, "export") as (transaction, filters):
                records = oldest(transaction, filters)
                manifest = await write(records, out, form, slugs=slugs, filters=asked.words())
            told = {"records": manifest.records, "sha256": manifest.sha256, "filters": dict(manifest.filters)}
            if tenant is None:
                await tenancy.admin.record(who, "audit.export", out.name, after=told)
            else:
                await tenancy.audit.record(await tenancy.get(tenant), who, "audit.export", out.name, after=told)
        typer.echo(f"{manifest.records} records in {out}, sha256 {manifest.sha256}")

    asyncio.run(work())


@app.command()
def verify(tenant: TenantOption = None, as_json: JsonOption = False, run: RunOption = None) -> None:
    """Walk every chain and name the first broken link of each; exit code 1 if one does not hold."""

    async def work() -> bool:
        from core.audit.chain import PLATFORM_CHAIN

        async with tenancy_of(run) as tenancy:
            if tenant is None:
                found = await tenancy.admin.verify(_command("verify"))
            else:
                found = [await tenancy.audit.verify(await tenancy.get(tenant))]
            slugs = await _slugs(tenancy)
        names = {str(PLATFORM_CHAIN): "the platform's own", **slugs}
        if as_json:
            chains = [{"tenant": slugs.get(str(one.chain)), "ok": one.ok, **asdict(one)} for one in found]
            typer.echo(json.dumps({"ok": all(one.ok for one in found), "chains": chains}, default=str, indent=2))
        else:
            for one in found:
                came = f"; {one.imported} records of before its import, as they came" if one.imported else ""
                noted = "" if one.anchored else "; no head was noted outside, a cut end would not be seen"
                name = names.get(str(one.chain), f"tenant {one.chain}, removed")
                typer.echo(f"{name}: {one.records} records, {one}{came}{noted}")
        return all(one.ok for one in found)

    if not asyncio.run(work()):
        raise typer.Exit(1)


@asynccontextmanager
async def _reading(tenancy: Tenancy, asked: _Asked, what: str) -> AsyncGenerator[tuple[Transaction, Filters]]:
    """A transaction that sees what was asked for: one tenant's under its own policies, more as the administrator."""
    if asked.tenant is None:
        filters = asked.filters(None)
        async with tenancy.admin.open(_command(what), f"{what} the audit log", readonly=True) as transaction:
            yield transaction, filters
        return
    if asked.platform:
        raise InputError("either one tenant's records or the platform's own", received="--tenant and --platform")
    scope = await tenancy.get(asked.tenant)
    async with tenancy.platform.transaction(scope.id, readonly=True) as transaction:
        yield transaction, asked.filters(scope)


def _command(what: str) -> Actor:
    from core.audit import Actor

    return Actor.command(f"audit {what}")


async def _slugs(tenancy: Tenancy) -> dict[str, str]:
    return {str(scope.id): scope.slug for scope in await tenancy.list()}


def _named(record: AuditRecord, slugs: dict[str, str]) -> dict[str, object]:
    row = record.as_dict()
    return {"tenant": slugs.get(str(row["tenant_id"])), **row}


def _line(record: AuditRecord, slugs: dict[str, str]) -> tuple[str, ...]:
    tenant = str(record.tenant_id) if record.tenant_id else "-"
    at = record.at.astimezone(UTC).isoformat(sep=" ", timespec="seconds")[:19]
    doing = (record.action, record.target, record.outcome)
    return (at, slugs.get(tenant, tenant), str(record.seq), str(record.actor), *doing)
