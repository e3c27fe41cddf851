"""`platform tenants export | import | remove`: everything an installation holds of a tenant, room by room."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.session import Session, opened
from cli.table import print_table
from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

    from core.audit import Actor
    from core.audit.imported import ImportedChains
    from core.tenancy import Tenancy
    from core.tenancy.moving import Contents, Holdings
    from core.vault.transfer import TransferKey

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
SlugArgument = Annotated[str, typer.Argument(help="Which tenant.")]


def export(
    slug: SlugArgument,
    to: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be new.")],
    secrets: Annotated[
        Path | None,
        typer.Option(
            help="Take the vault along; file for the key that opens it, made if there is none. Keep it apart."
        ),
    ] = None,
    run: RunOption = None,
) -> None:
    """Write everything of a tenant into a folder that another installation, or this one, can import."""
    folder = to.absolute()
    if secrets is not None and secrets.absolute().is_relative_to(folder):
        raise InputError("the key of the secrets must not lie with them", received=str(secrets))

    async def work() -> None:
        from core.tenancy.moving.departure import Departure
        from core.vault.transfer import TransferKey

        key = TransferKey.at(secrets, create=True) if secrets else None
        async with _desk(run, "export", key) as desk:
            departure = Departure(desk.tenancy, desk.holdings)
            manifest = await departure.export(await desk.tenancy.get(slug), folder, actor=desk.actor)
        _print(manifest.contents)
        typer.echo(f"tenant {slug} is in {to}: {manifest.rows} rows in {len(manifest.files)} files")
        for note in manifest.notes:
            typer.echo(f"note: {note}")

    asyncio.run(work())


def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `tenants export` wrote.")],
    server: Annotated[
        str | None, typer.Option(help="Server for its database; the one with the fewest tenants if not given.")
    ] = None,
    secrets: Annotated[Path | None, typer.Option(help="Key file that was written with the export.")] = None,
    run: RunOption = None,
) -> None:
    """Bring a tenant in from an export, under the slug it had; all of it or nothing."""

    async def work() -> None:
        from core.sdk.loader import builtin_manifests
        from core.subscriptions import ModuleRegistry
        from core.tenancy.moving.arrival import Arrival
        from core.vault.transfer import TransferKey

        key = TransferKey.at(secrets) if secrets else None
        async with _desk(run, "import", key, create=True) as desk:
            # What a tenant has of modules names them, so the catalogue of a new installation is written first.
            await ModuleRegistry(desk.tenancy).sync(builtin_manifests(), actor=desk.actor)
            arrival = Arrival(desk.tenancy, desk.holdings, desk.imported)
            scope, found = await arrival.restore(folder.absolute(), actor=desk.actor, server=server)
            status = await desk.tenancy.status(scope)
        _print(found)
        rows = sum(one.rows for one in found.values())
        typer.echo(f"tenant {scope.slug} is {status}: {rows} rows, all counts and checksums as exported")

    asyncio.run(work())


def remove(
    slug: SlugArgument,
    confirm: Annotated[str | None, typer.Option(help="The slug once more; asked for on a terminal.")] = None,
    run: RunOption = None,
) -> None:
    """Remove a tenant and everything held of it, for good; its audit log stays. Export it first."""
    if confirm is None and sys.stdin.isatty():
        confirm = typer.prompt(f"Everything of tenant {slug} will be gone. Its slug once more", type=str)
    if confirm != slug:
        raise InputError(
            "a removal has to be confirmed by the tenant's slug", expected=f"--confirm {slug}", received=confirm
        )

    async def work() -> None:
        from core.tenancy.moving.removal import Removal

        async with _desk(run, "remove", None) as desk:
            scope = await Removal(desk.tenancy, desk.holdings).remove(slug, actor=desk.actor)
        typer.echo(f"tenant {scope.slug} ({scope.id}) is removed; its audit log is kept")

    asyncio.run(work())


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a command that moves tenants works with."""

    tenancy: Tenancy
    holdings: Holdings
    imported: ImportedChains
    actor: Actor


@asynccontextmanager
async def _desk(
    path: Path | None, command: str, key: TransferKey | None, *, create: bool = False
) -> AsyncGenerator[_Desk]:
    """Everything this installation holds of tenants; `create` makes an installation where there is none."""
    from core.audit import Actor, Interface, request
    from core.eventlog import open_event_log
    from core.tenancy import Tenancy
    from core.tenancy.moving import Holdings
    from core.tenancy.moving.history import AuditHistory
    from core.tenancy.moving.keys import BridgeKeys
    from core.tenancy.moving.rows import PlatformRows
    from core.tenancy.moving.secrets import VaultSecrets
    from core.tenancy.moving.store import TenantDatabase
    from core.vault.transfer import VaultTransfer
    from core.vault.vault import Vault
    from ingestion.moving import WaitingRecords
    from lake.moving import LakeTables
    from lake.opening import open_lake
    from orchestration.moving import TenantPartition

    settings = load_settings()
    folder = path if create else RunFolder.find(path, settings).path
    actor = Actor.command(f"tenants {command}")
    with request(Interface.CLI):
        async with (
            opened(folder, settings) as session,
            await Tenancy.open(session.run, session.postgres, settings) as tenancy,
        ):
            run = session.run
            log = await open_event_log(settings, run, session.postgres)
            vault = (tenancy.platform, run, settings, tenancy.audit)
            lake = open_lake(run, settings)
            history = AuditHistory(tenancy.platform, run)
            holdings = Holdings(
                database=TenantDatabase(tenancy.stores, run),
                log=WaitingRecords(log, lake),
                lake=LakeTables(lake),
                rows=PlatformRows(tenancy, session.postgres, actor),
                secrets=VaultSecrets(VaultTransfer.over(*vault), Vault.over(*vault), key, actor),
                keys=BridgeKeys(tenancy, run),
                history=history,
                dagster=TenantPartition(_dagster(session), run.dagster),
            )
            try:
                yield _Desk(tenancy, holdings, history.imported, actor)
            finally:
                await log.close()


def _dagster(session: Session) -> Callable[[], dg.DagsterInstance] | None:
    """How to open Dagster's instance, if this installation has one."""
    if not (session.run.dagster / "dagster.yaml").exists():
        return None

    def instance() -> dg.DagsterInstance:
        import dagster

        from orchestration.home import environment

        os.environ.update(environment(session.run, session.postgres, session.settings))
        return dagster.DagsterInstance.get()

    return instance


def _print(contents: Contents) -> None:
    rows = [
        (name, f"{one.rows}", (one.checksum or "")[:16], one.position or "")
        for name, one in sorted(contents.items())
        if one.rows
    ]
    print_table([("content", "rows", "checksum", "as of"), *rows])
