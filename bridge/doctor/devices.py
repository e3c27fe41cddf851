"""The devices: each reached over a connection of one's own, each signal asked for once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from bridge.driver import Series
from bridge.tools.visit import visiting
from bridge.vault import Secrets
from core.contracts.quality import is_good
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import GoldlayerError, InputError
from core.findings import Finding, notice, of_error, right, wrong

_NAMED = 5
Ask = Callable[[str, str], Awaitable[Sample]]


async def device_findings(site: SiteFile, home: Path, secrets: Secrets, *, most: int) -> AsyncIterator[Finding]:
    """One finding an endpoint, and one for its signals.

    Args:
        site: whose devices.
        home: of the bridge.
        secrets: vault that holds what the devices want to know.
        most: signals to ask for at each endpoint, spread over all.
    """
    try:
        parts = site.measured().by_endpoint()
    except InputError as error:
        yield of_error("devices", error, "correct the site file")
        return
    for part in parts:
        endpoint = part.endpoint or "no endpoint"
        series = [(unit.id, one.name) for unit in part.units() for one in unit.signals]
        tried = _spread(series, most)
        try:
            async with visiting(part, tried, home, secrets) as devices:
                yield right("device", f"{endpoint} answers{_security(part)}")
                for finding in await _signals(devices.sample, tried, len(series)):
                    yield finding
        except GoldlayerError as error:
            yield of_error("device", error, "check cable, address, port, firewall and the device's own settings")


def _spread(series: Sequence[Series], most: int) -> Sequence[Series]:
    return series if len(series) <= most else series[:: -(-len(series) // most)]


def _security(part: SiteFile) -> str:
    if part.protocol != "opcua":
        return ""
    secured = part.opcua is not None and part.opcua.security is not None
    return ", signed in over a secured channel" if secured else ", without security"


async def _signals(ask: Ask, tried: Sequence[Series], known: int) -> list[Finding]:
    numbers, texts, uncertain, refused = 0, 0, list[str](), list[str]()
    for machine, signal in tried:
        name = f"{machine}.{signal}"
        try:
            sample = await ask(machine, signal)
        except GoldlayerError as error:
            refused.append(f"{name}: {error.what}, {error.received}")
            continue
        if not is_good(sample.quality):
            uncertain.append(f"{name}: quality 0x{sample.quality:08X}")
        elif sample.value is not None:
            numbers += 1
        else:
            texts += 1
    asked = f"{len(tried)} of {known} asked" if len(tried) < known else f"all {known} asked"
    found = [right("signals", f"{asked}: {numbers} numbers, {texts} texts")]
    if uncertain:
        found.append(notice("signals", f"{len(uncertain)} not good: {'; '.join(uncertain[:_NAMED])}"))
    if refused:
        named = "; ".join(refused[:_NAMED])
        found.append(wrong("signals", f"{len(refused)} cannot be read: {named}", "correct `address` in the site file"))
    return found
