"""Packages from the platform to a bridge: real database and vault, real gateway, real link; each tenant its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.etl.service import remember_site
from bridge.packages.incoming import INCOMING
from bridge.packages.keep import Packages
from bridge.store import Store
from cli.main import main
from cli.up import furnishing_sites
from core.audit import Actor
from core.bridge_calls import BridgeCalls, BridgeOfflineError
from core.bridge_calls.package_keys import chain_of
from core.bridge_calls.packages import BridgePackages
from core.contracts.package import PIECE_BYTES, Audience, build
from core.contracts.package_key import fingerprint
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError, TerminalError
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


def site(plant: Plant) -> Packages:
    return Packages(plant.home, at(plant), plant.place.bridge_id)


async def handed_over(plant: Plant, key: bytes) -> None:
    """The gateway does so beside everything else."""
    async with asyncio.timeout(60):
        while site(plant).trusted.fingerprint() != fingerprint(key):  # noqa: ASYNC110  a file has no event
            await asyncio.sleep(0.01)


async def test_a_package_goes_to_the_site_and_back_and_never_to_another_tenant(
    tenancy: Tenancy,
    prepared: Installation,
    calls: BridgeCalls,
    address: str,
    tmp_path: Path,
) -> None:
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    packages = BridgePackages(tenancy.platform, vault, tenancy.audit, calls)
    one = await plant_of("packed-co", tenancy, calls, address, tmp_path)
    other = await plant_of("parcel-co", tenancy, calls, address, tmp_path)
    for plant in (one, other):
        with Store.open(plant.home) as store:
            remember_site(store, at(plant))
    first_key, other_key = [await packages.public_key(plant.scope, ANA) for plant in (one, other)]
    assert first_key == await packages.public_key(one.scope, ANA) != other_key
    large = {"etl/lab.yaml": PIPELINE + b"# " + Random(1).randbytes(400_000).hex().encode() + b"\n"}
    first = await packages.sign(one.scope, ANA, "lab", "1.0.0", FILES)
    second = await packages.sign(one.scope, ANA, "lab", "1.1.0", large)
    assert len(second) > 2 * PIECE_BYTES

    async with one.connected():
        await handed_over(one, first_key)
        assert await packages.push(one.scope, ANA, one.place, first) == "lab 1.0.0"
        assert await packages.push(one.scope, ANA, one.place, second) == "lab 1.1.0"
        listed = await packages.list(one.scope, ANA, one.place)
        assert listed["packages"] == [{"name": "lab", "version": "1.1.0", "versions": ["1.0.0", "1.1.0"]}]
        assert listed["trusted"] == fingerprint(first_key)
        assert await packages.rollback(one.scope, ANA, one.place, "lab") == "1.0.0"
        with pytest.raises(InputError, match=r"lab 1.1.0 was in use here"):
            await packages.push(one.scope, ANA, one.place, second)
        with pytest.raises(BridgeOfflineError):
            await packages.rollback(other.scope, ANA, one.place, "lab")
        broken = await packages.sign(one.scope, ANA, "lab", "2.0.0", {"etl/lab.yaml": b"pipeline: ["})
        with pytest.raises(InputError, match="does not load here"):
            await packages.push(one.scope, ANA, one.place, broken)
        away = await packages.sign(one.scope, ANA, "lab", "2.0.0", FILES, Audience(sites=("elsewhere",)))
        with pytest.raises(DeniedError, match=r"other sites; expected elsewhere; received 'called-hall'"):
            await packages.push(one.scope, ANA, one.place, away)
        assert (await packages.list(one.scope, ANA, one.place))["packages"][0]["version"] == "1.0.0"

    # Neither the platform nor the site takes what was signed for somebody else.
    with pytest.raises(DeniedError):
        await packages.push(other.scope, ANA, other.place, first)
    there = site(other)
    there.trusted.set(other_key, "somebody on site")
    with pytest.raises(DeniedError, match="not signed by the key"):
        there.install(first, "eve")
    with pytest.raises(DeniedError, match="not signed by the key"):
        there.install(build("parcel-co", "lab", "1.0.0", FILES, Ed25519PrivateKey.generate()), "eve")
    assert there.list() == []

    told = [(entry.action, entry.outcome) for entry in await tenancy.audit.newest(one.scope, 50)]
    assert [one for one in reversed(told) if one[0].startswith("package.")] == [
        ("package.key", "done"),
        ("package.sign", "done"),
        ("package.sign", "done"),
        ("package.push", "done"),
        ("package.push", "done"),
        ("package.rollback", "done"),
        ("package.push", "denied"),
        ("package.sign", "done"),
        ("package.push", "denied"),
        ("package.sign", "done"),
    ]


async def test_a_new_key_reaches_the_site_and_a_lost_one_does_not(
    tenancy: Tenancy,
    prepared: Installation,
    calls: BridgeCalls,
    address: str,
    tmp_path: Path,
) -> None:
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    packages = BridgePackages(tenancy.platform, vault, tenancy.audit, calls)
    one = await plant_of("rekeyed-co", tenancy, calls, address, tmp_path)
    with pytest.raises(InputError, match="no key to replace"):
        await packages.rotate(one.scope, ANA)
    with Store.open(one.home) as store:
        remember_site(store, at(one))
    first = await packages.public_key(one.scope, ANA)
    async with one.connected():
        await handed_over(one, first)
    second = await packages.rotate(one.scope, ANA)
    assert await packages.public_key(one.scope, ANA) == second != first
    async with one.connected():
        await handed_over(one, second)
        third = await packages.rotate(one.scope, ANA)
        packed = await packages.sign(one.scope, ANA, "lab", "1.0.0", FILES)
        assert await packages.push(one.scope, ANA, one.place, packed) == "lab 1.0.0"
        assert site(one).trusted.fingerprint() == fingerprint(third)

        await vault.of(one.scope, ANA).purge("packages/signing-key", purpose="lost", keep=0)
        for attempt in (packages.rotate(one.scope, ANA), packages.sign(one.scope, ANA, "lab", "2.0.0", FILES)):
            with pytest.raises(TerminalError, match=r"not in the vault any more; next: .*rotate --lost"):
                await attempt
        fourth = await packages.rotate(one.scope, ANA, lost=True)
        packed = await packages.sign(one.scope, ANA, "lab", "2.0.0", FILES)
        with pytest.raises(DeniedError, match=r"not signed by the one this bridge trusts; .*bridge packages trust"):
            await packages.push(one.scope, ANA, one.place, packed)
        site(one).trusted.set(fourth, "somebody on site")
        assert await packages.push(one.scope, ANA, one.place, packed) == "lab 2.0.0"


async def test_the_operator_s_commands_over_a_link_that_is_cut(
    tenancy: Tenancy,
    prepared: Installation,
    calls: BridgeCalls,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    one = await plant_of("commanding-co", tenancy, calls, address, tmp_path)
    with Store.open(one.home) as store:
        remember_site(store, at(one))
    folder, packed = tmp_path / "lab", tmp_path / "lab.zip"
    (folder / "etl").mkdir(parents=True)
    (folder / "etl" / "lab.yaml").write_bytes(PIPELINE + b"# " + Random(2).randbytes(1_500_000).hex().encode() + b"\n")
    where = ["--tenant", one.scope.slug, "--run", str(prepared.run.path)]

    async def command(*words: str) -> str:
        code = await asyncio.to_thread(main, ["bridges", "packages", *words, *where])
        said = "".join(capsys.readouterr())
        assert code == 0, said
        return said

    await command("sign", str(folder), "--name", "lab", "--version", "1.0.0", "--for-site", SITE, "--out", str(packed))
    assert packed.stat().st_size > 6 * PIECE_BYTES
    async with one.connected():
        sending = asyncio.create_task(command("push", str(packed)))
        async with asyncio.timeout(60):
            while not any((one.home / INCOMING).glob("*")):  # noqa: ASYNC110  a file has no event
                await asyncio.sleep(0.001)
    async with one.connected():
        assert "lab 1.0.0 is in use on called-hall-bridge" in await sending
        listed = await command("list")
    (shown,) = {line for line in (await command("key")).splitlines() if line.startswith("SHA256:")}
    assert f"trusted key {shown}" in listed
    assert "SHA256:" in await command("rotate")
    capsys.readouterr()
    assert main(["bridge", "packages", "list", "--home", str(one.home)]) == 0
    assert f"trusted key {shown}" in "".join(capsys.readouterr())


async def test_a_tenant_with_sites_has_a_key_before_its_bridges_connect(
    tenancy: Tenancy, prepared: Installation
) -> None:
    for _ in range(2):
        furnish = await furnishing_sites(tenancy, prepared.run, prepared.settings, actor=ANA)
        scope = await tenancy.create("furnished-co", "Furnished", actor=ANA, furnish=furnish)
    assert len(await chain_of(tenancy.platform, scope)) == 1
