"""Packages from the platform to a bridge: real database and vault, real gateway, real link; each tenant its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.etl.service import remember_site
from bridge.packages.keep import Packages
from bridge.packages.tools import package_tools
from bridge.store import Store
from core.audit import Actor
from core.bridge_calls import BridgeCalls, BridgeOfflineError
from core.bridge_calls.packages import BridgePackages
from core.contracts.package import build
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError
from core.tenancy import Tenancy
from core.vault.vault import Vault
from tests.core.tenancy.test_sites import site_of
from tests.ingestion.gateway.test_switchboard import SITE, Plant, address, calls, plant_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
__all__ = ["address", "calls"]
ANA = Actor.command("bridges packages push")
PIPELINE = b"pipeline: lab\nsource: {files: {folder: data, format: csv}}\nload: {file: {folder: out, format: csv}}\n"
FILES = {"etl/lab.yaml": PIPELINE}


def at(plant: Plant) -> SiteFile:
    return site_of(plant.scope.slug, SITE)


async def prepare(plant: Plant, packages: BridgePackages) -> None:
    """As registration leaves a site: it knows its tenant's key."""
    with Store.open(plant.home) as store:
        remember_site(store, at(plant))
    Packages(plant.home, at(plant)).trust(await packages.public_key(plant.scope, ANA))


async def test_a_package_goes_to_the_site_and_back_and_never_to_another_tenant(
    tenancy: Tenancy,
    prepared: Installation,
    calls: BridgeCalls,
    address: str,
    tmp_path: Path,
) -> None:
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    packages = BridgePackages(vault, tenancy.audit, calls)
    one = await plant_of("packed-co", tenancy, calls, address, tmp_path)
    other = await plant_of("parcel-co", tenancy, calls, address, tmp_path)
    for plant in (one, other):
        await prepare(plant, packages)
    assert await packages.public_key(one.scope, ANA) == await packages.public_key(one.scope, ANA)
    assert await packages.public_key(one.scope, ANA) != await packages.public_key(other.scope, ANA)
    first, second = [await packages.sign(one.scope, ANA, "lab", v, FILES, "0.0.0") for v in ("1.0.0", "1.1.0")]

    async with one.connected(**package_tools(one.home, at(one))):
        assert await packages.push(one.scope, ANA, one.place, first) == "lab 1.0.0"
        assert await packages.push(one.scope, ANA, one.place, second) == "lab 1.1.0"
        listed = await packages.list(one.scope, ANA, one.place)
        assert listed["packages"] == [{"name": "lab", "version": "1.1.0", "versions": ["1.0.0", "1.1.0"]}]
        assert await packages.rollback(one.scope, ANA, one.place, "lab") == "1.0.0"
        with pytest.raises(BridgeOfflineError):
            await packages.rollback(other.scope, ANA, one.place, "lab")
        broken = await packages.sign(one.scope, ANA, "lab", "2.0.0", {"etl/lab.yaml": b"pipeline: ["}, "0.0.0")
        with pytest.raises(InputError, match="does not load here"):
            await packages.push(one.scope, ANA, one.place, broken)
        assert (await packages.list(one.scope, ANA, one.place))["packages"][0]["version"] == "1.0.0"

    # Neither the platform nor the site takes what was signed for somebody else.
    with pytest.raises(DeniedError):
        await packages.push(other.scope, ANA, other.place, first)
    site = Packages(other.home, at(other))
    with pytest.raises(DeniedError, match="not signed by the key"):
        site.install(first, "eve")
    with pytest.raises(DeniedError, match="not signed by the key"):
        site.install(build("parcel-co", "lab", "1.0.0", FILES, Ed25519PrivateKey.generate()), "eve")
    assert site.list() == []

    told = [(entry.action, entry.outcome) for entry in await tenancy.audit.newest(one.scope, 50)]
    assert [one for one in reversed(told) if one[0].startswith("package.")] == [
        ("package.sign", "done"),
        ("package.sign", "done"),
        ("package.push", "done"),
        ("package.push", "done"),
        ("package.rollback", "done"),
        ("package.sign", "done"),
        ("package.push", "denied"),
    ]
