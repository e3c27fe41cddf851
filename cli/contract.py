"""`platform contract`: check a contract before anybody relies on it, and say what it lets leave."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from core.contracts.data_contract import DataContract, Deadband, SignalContract
from core.contracts.diff import Effect, needs_major_version
from core.contracts.diff import diff as changes_between
from core.contracts.odcs import load_contract, read_contract
from core.contracts.site import SiteFile, load_site
from core.errors import InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

SiteOption = Annotated[Path, typer.Option("--site", help="Site file the contract is for.")]


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="Contract file.")], site: SiteOption) -> None:
    """Hold a contract against its site; exit code 2 and one line if it does not fit."""
    known, warnings = load_site(site)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    contract = load_contract(file, known)
    total = sum(len(signals) for signals in known.signals_of_type().values())
    leaving = sum(bool(promise.outgoing()) for promise in contract.signals.values())
    typer.echo(
        f"{file}: {contract.id} {contract.version} fits {known.site}: "
        f"{leaving} of {total} signals leave, {len(contract.rules)} rules, sha256 {contract.sha256}"
    )


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Contract in force.")],
    new: Annotated[Path, typer.Argument(help="Contract that shall follow it.")],
) -> None:
    """Name every change between two contracts; exit code 1 if one breaks those who read the data."""
    before, after = read_contract(old), read_contract(new)
    changes = changes_between(before, after)
    for change in changes:
        typer.echo(f"{change.effect.value:<8}  {change.thing}: {change.said}")
    if not changes:
        typer.echo("nothing changes for those who read the data")
    broken = [change for change in changes if change.effect is Effect.BREAKING]
    if not broken:
        return
    if needs_major_version(before, after):
        typer.echo(
            f"{new}: {len(broken)} breaking, but the version goes from {before.version} to {after.version}; "
            "raise its first number and tell the readers first",
            err=True,
        )
    raise typer.Exit(1)


@app.command()
def explain(
    signal: Annotated[str, typer.Argument(help="Signal, or EQUIPMENT_TYPE.SIGNAL.")],
    site: SiteOption,
    contract: Annotated[
        Path | None, typer.Option("--contract", help="Contract file; the site's own if not given.")
    ] = None,
) -> None:
    """Say what leaves the site of one signal."""
    known, _ = load_site(site)
    promised = load_contract(contract or site.parent / known.contract_name, known)
    for kind in _types_with(known, signal):
        for line in describe(promised, known, kind, signal.rpartition(".")[2]):
            typer.echo(line)


@app.command()
def activate(
    file: Annotated[Path, typer.Argument(help="Contract file.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")],
    site: Annotated[str, typer.Option("--site", help="Site the contract is for, as it is registered.")],
    breaking: Annotated[
        bool, typer.Option("--breaking", help="Also if it breaks those who read the data without saying so.")
    ] = False,
    run: Annotated[Path | None, typer.Option(help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")] = None,
) -> None:
    """Put a contract in force on a registered site; its bridge takes it up within seconds, without a restart.

    Exit code 1 if it breaks readers and its version does not say so; nothing is changed then.
    """
    asyncio.run(_activate(file, tenant, site, run, breaking=breaking))


async def _activate(file: Path, tenant: str, site: str, run: Path | None, *, breaking: bool) -> None:
    from cli.session import tenancy_of
    from core.audit import Actor
    from core.errors import NotFoundError

    contract = read_contract(file)
    async with tenancy_of(run) as tenancy:
        scope = await tenancy.get(tenant)
        known = {one.site.site: one for one in await tenancy.sites(scope)}
        if site not in known:
            raise NotFoundError("no such site", expected=", ".join(sorted(known)) or "a registered one", received=site)
        now = known[site].contract
        if now.sha256 == contract.sha256:
            typer.echo(f"{site}: {contract.version} is in force already")
            return
        for change in changes_between(now, contract):
            typer.echo(f"{change.effect.value:<8}  {change.thing}: {change.said}")
        if needs_major_version(now, contract) and not breaking:
            typer.echo(
                f"{file}: it breaks readers, but the version goes from {now.version} to {contract.version}; "
                "raise its first number, or say --breaking",
                err=True,
            )
            raise typer.Exit(1)
        await tenancy.register_site(scope, known[site].site, contract, actor=Actor.command("contract activate"))
        typer.echo(f"{site}: {now.version} is followed by {contract.version}, sha256 {contract.sha256}")


def _types_with(site: SiteFile, signal: str) -> list[str]:
    kind, _, name = signal.rpartition(".")
    types = [one for one, signals in site.signals_of_type().items() if name in signals and kind in ("", one)]
    if not types:
        names = sorted({known for signals in site.signals_of_type().values() for known in signals})
        raise InputError("the site has no such signal", expected=", ".join(names), received=signal, where=site.site)
    return types


def describe(contract: DataContract, site: SiteFile, equipment_type: str, signal: str) -> list[str]:
    """What a contract makes of one signal, in words, one line a fact."""
    promise = contract.signals.get((equipment_type, signal))
    head = f"{equipment_type}.{signal}"
    if promise is None:
        lines = [f"{head}: withheld, stays on site"]
    else:
        measured = site.signals_of_type()[equipment_type][signal].unit
        unit = promise.unit if promise.unit == measured else f"{promise.unit} (measured in {measured})"
        lines = [f"{head}: {_forwarding(promise)}, unit {unit}", *(f"  {line}" for line in _windows(promise))]
    for rule in contract.rules:
        if (rule.equipment_type, rule.signal) == (equipment_type, signal):
            clears = f", clears at {rule.clear_at:g}" if rule.clear_at is not None else ""
            lines.append(
                f"  rule {rule.name}: raises {rule.fault_code} when {rule.raise_when} {rule.threshold:g}{clears}"
            )
    return lines


def _forwarding(promise: SignalContract) -> str:
    if not promise.forward:
        return "leaves only as windows"
    limits: list[str] = []
    if promise.deadband is not None:
        limits.append(f"changes of more than {_size(promise.deadband)}")
    if promise.sampling_us is not None:
        limits.append(f"at most one value in {promise.sampling_us / 1e6:g} s")
    return "leaves: " + (", ".join(limits) if limits else "every reading")


def _size(deadband: Deadband) -> str:
    return f"{deadband.absolute:g}" if deadband.absolute is not None else f"{deadband.percent:g} %"


def _windows(promise: SignalContract) -> list[str]:
    return [
        f"window {window.every}: {', '.join(window.signal_of(promise.signal, a) for a in window.aggregates)}"
        + (f", waits {window.lateness_us / 1e6:g} s for late readings" if window.lateness_us else "")
        for window in promise.windows
    ]
