"""Site file, contract, key, and the home folder with its bounds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bridge.books import BridgeBooks, read_books
from bridge.config import read_key
from bridge.contract.plan import plan_site
from bridge.packages.trust import trusted_fingerprint
from bridge.space import database_bytes
from bridge.store import DATABASE, read_only, runs
from bridge.vault import BridgeVault
from core.contracts.data_contract import DataContract
from core.contracts.site import SiteFile
from core.errors import GoldlayerError
from core.findings import Finding, notice, of_error, right, wrong
from core.settings import BridgeSettings

_FULL = 0.8
"""Share of a bound from which on it is worth knowing."""
_FREE_BYTES = 1 << 30


def contract_finding(site: SiteFile, contract: DataContract) -> Finding:
    """How much of the site the contract lets leave."""
    plans = plan_site(site, contract).series.values()
    leaves = sum(plan.contracted for plan in plans)
    said = f"{contract.id} {contract.version}: {leaves} of {len(plans)} signals leave, {contract.sha256[:12]}"
    if leaves == 0:
        return notice("contract", said, "list what the platform should get: platform contract explain SIGNAL")
    return right("contract", said)


def key_finding(path: Path) -> Finding:
    """Whether the key is there and nobody else's to read."""
    try:
        read_key(path)
    except GoldlayerError as error:
        return of_error("key", error, "register the site and copy its key here")
    if path.stat().st_mode & 0o077:
        return wrong("key", f"others may read {path}", f"chmod 600 {path}")
    return right("key", str(path))


def vault_finding(vault: BridgeVault) -> Finding:
    """Where the key of the devices' secrets lies, and whether it opens them."""
    try:
        where = vault.where()
    except GoldlayerError as error:
        return of_error("vault", error, "platform bridge secret key")
    return right("vault", "no secrets are kept" if where is None else f"{len(vault.names())} secrets, key in {where}")


def home_findings(home: Path, settings: BridgeSettings) -> Iterator[Finding]:
    """The home folder: who runs there, what waits, how much room is left."""
    if not (home / DATABASE).is_file():
        parent = next(one for one in (home, *home.absolute().parents) if one.exists())
        if not os.access(parent, os.W_OK):
            yield wrong("home", f"{home} cannot be made or written", "give this user leave, or name another --home")
        else:
            yield notice("home", f"no bridge has run in {home} yet")
        return
    yield right("home", f"{home}, a bridge runs" if runs(home) else f"{home}, no bridge runs now")
    try:
        books = read_books(home)
        connection = read_only(home)
        try:
            stored = database_bytes(connection)
        finally:
            connection.close()
    except GoldlayerError as error:
        yield of_error("home", error, "look at the bridge's log")
        return
    yield _outbox(books, settings)
    yield _bound("journal", stored, settings.store_max_bytes, "GOLDLAYER_BRIDGE__STORE_MAX_BYTES")
    yield _bound("historian", books.historian_bytes, settings.historian_max_bytes, "", evicts=True)
    yield _disk(home)
    yield _packages(home)


def _outbox(books: BridgeBooks, settings: BridgeSettings) -> Finding:
    said = f"{books.unacknowledged_rows:,} rows wait for the gateway"
    step = "see to the link; GOLDLAYER_BRIDGE__OUTBOX_MAX_BYTES is the bound"
    if books.outbox_bytes >= settings.outbox_max_bytes:
        return wrong("outbox", f"full: {said}", step)
    if books.outbox_bytes >= _FULL * settings.outbox_max_bytes:
        return notice("outbox", f"nearly full: {said}", step)
    return right("outbox", said)


def _bound(thing: str, size: int, most: int, setting: str, *, evicts: bool = False) -> Finding:
    said = f"{size / 1e9:,.2f} of {most / 1e9:,.0f} GB"
    if evicts or size < _FULL * most:
        return right(thing, said)
    step = f"see to link and contract, or raise {setting}"
    return wrong(thing, said, step) if size >= most else notice(thing, said, step)


def _packages(home: Path) -> Finding:
    try:
        trusted = trusted_fingerprint(home)
    except GoldlayerError as error:
        return of_error("packages", error, "platform bridge packages trust KEY")
    if trusted is None:
        return notice(
            "packages", "no key is trusted yet", "the gateway hands the tenant's over at the first connection"
        )
    return right("packages", f"signed with {trusted}: compare with platform bridges packages key")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    said = f"{free / 1e9:,.1f} GB free"
    return (
        right("disk", said) if free > _FREE_BYTES else wrong("disk", said, "make room: what cannot be kept is not read")
    )
