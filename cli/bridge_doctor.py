"""`platform bridge doctor`: one screen that says what is right, what is wrong, and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.findings import Finding


def doctor(
    site: Annotated[Path, typer.Option(help="Site file.")],
    contract: Annotated[Path, typer.Option(help="Data contract of the site.")],
    home: Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")],
    gateway: Annotated[str | None, typer.Option(help="Address of the gateway; not looked at if not given.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="File with the key this site was registered with.")] = None,
    signals: Annotated[int, typer.Option(min=1, help="Signals asked for at each device, spread over all.")] = 200,
) -> None:
    """Look at config, contract, key, clock, devices, signals, disk and link; exit code 1 if anything is wrong."""
    from cli.findings import report

    report(asyncio.run(_all(_look(site, contract, home, gateway, key_file, signals))))


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [one async for one in findings]


async def _look(
    site: Path, contract: Path, home: Path, gateway: str | None, key_file: Path | None, most: int
) -> AsyncIterator[Finding]:
    from bridge.config import read_key
    from bridge.doctor.devices import device_findings
    from bridge.doctor.files import contract_finding, home_findings, key_finding, vault_finding
    from bridge.doctor.gateway import gateway_findings
    from bridge.vault import BridgeVault
    from core.contracts.odcs import load_contract
    from core.contracts.site import load_site
    from core.errors import GoldlayerError
    from core.findings import notice, of_error, right

    settings = load_settings().bridge
    try:
        known, warnings = load_site(site)
    except GoldlayerError as error:
        yield of_error("site file", error, "correct the site file (docs/sites.md)")
        return
    yield right("site file", f"{known.site}: {len(known.units())} machines, {known.protocol}")
    for warning in warnings:
        yield notice("site file", warning)
    try:
        yield contract_finding(known, load_contract(contract, known))
    except GoldlayerError as error:
        yield of_error("contract", error, "platform contract validate says where")
    for finding in home_findings(home, settings):
        yield finding
    if key_file is not None:
        key = key_finding(key_file)
        yield key
        if gateway is not None and key_file.is_file():
            async for finding in gateway_findings(gateway, read_key(key_file)):
                yield finding
    secrets = BridgeVault(home, settings.vault_key_file)
    yield vault_finding(secrets)
    async for finding in device_findings(known, home, secrets, most=most):
        yield finding
