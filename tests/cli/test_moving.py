"""`platform tenants export | import | remove`: one installation, an empty one, and a neighbour nobody may meet."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pytest

from cli.main import main
from cli.modules import open_furnishing, open_subscriptions
from core.audit import Actor
from core.connector import connector_for
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.site import SiteFile
from core.errors import DeniedError, NotFoundError
from core.eventlog import Outgoing, open_event_log
from core.identity import IdentityService
from core.run.cluster import binaries
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy import Tenancy
from core.vault.secret import Secret
from core.vault.vault import Vault
from lake.store import Lake
from tests.lake.test_store import NUMBERS

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("moving")]
ACTOR = Actor.command("test")
DAY = date(2026, 1, 1)
PASSWORD = "Longer-than-it-seems-7"
TAKEN = "what somebody else chose for them"
MOVER, STRANGER = "mover-co", "stranger-co"
TABLES: dict[str, Any] = {
    "orders": {"columns": {"id": {"type": "integer", "primary_key": True}, "what": {"type": "string"}}}
}


@dataclass(frozen=True)
class Opened:
    """An installation's parts."""

    tenancy: Tenancy
    identity: IdentityService
    vault: Vault
    lake: Lake
    run: RunFolder


@asynccontextmanager
async def opened(run: RunFolder, postgres: Postgres, settings: Settings) -> AsyncIterator[Opened]:
    async with await Tenancy.open(run, postgres, settings) as tenancy:
        vault = Vault.over(tenancy.platform, run, settings, tenancy.audit)
        lake = Lake(run.lake_root(settings))
        yield Opened(tenancy, IdentityService(tenancy, run, settings), vault, lake, run)


async def fill(here: Opened, installation: Installation, slug: str) -> UUID:
    """Something of everything; every value begins with the tenant's slug."""
    scope = await here.tenancy.create(slug, f"{slug} Ltd", actor=ACTOR)
    signals = [{"name": "flow", "unit": "bar"}]
    equipment = [{"id": f"{slug}-pump", "type": "pump", "signals": signals}]
    site = SiteFile.model_validate({"tenant": slug, "site": "hall", "protocol": "opcua", "equipment": equipment})
    await here.tenancy.register_site(scope, site, parse_contract(permissive_contract(site), where="t"), actor=ACTOR)
    for email in (f"{slug}@own.example", "both@shared.example"):
        await here.identity.add_person(scope, email, "Some Body", PASSWORD, "admin", actor=ACTOR)
    await here.tenancy.domains.add(scope, f"{slug}.example", actor=ACTOR)
    await here.vault.of(scope, ACTOR).put("erp/password", Secret(f"{slug}-secret"), purpose="test")
    data = await connector_for(here.tenancy, scope, schema="shop")
    await data.provision_tables(TABLES)
    await data.insert("orders", [{"id": n, "what": f"{slug}-order-{n}"} for n in range(5)])
    for n in range(3):
        rows = {"number": [n], "word": [f"{slug}-word-{n}"], "date": [DAY]}
        here.lake.tenant(slug).append(NUMBERS, pa.Table.from_pydict(rows, schema=NUMBERS.schema))
    await (await open_furnishing(here.tenancy, here.run, installation.settings, actor=ACTOR))(scope)
    log = await open_event_log(installation.settings, installation.run, installation.postgres)
    topic = f"{slug}.scada.readings"
    await log.ensure_topics([topic])
    await log.append_many([Outgoing(topic, b"k", f"{slug}-record-{n}".encode(), [("h", b"v")]) for n in range(4)])
    await log.close()
    return scope.id


@dataclass(frozen=True)
class World:
    """The first installation, the folder exported from it, and what must not be in that."""

    installation: Installation
    out: Path
    key: Path
    mover: UUID
    stranger: UUID
    bridge_key: str


@pytest.fixture(scope="module")
def world(prepared: Installation) -> Iterator[World]:
    async def prepare() -> tuple[UUID, UUID, str]:
        async with opened(prepared.run, prepared.postgres, prepared.settings) as here:
            stranger, mover = await fill(here, prepared, STRANGER), await fill(here, prepared, MOVER)
            scope = await here.tenancy.get(MOVER)
            return mover, stranger, (await here.tenancy.bridge_key_file(scope, "hall")).read_text()

    folder = Path(tempfile.mkdtemp(prefix="goldlayer-"))
    folder.chmod(0o711)
    mover, stranger, bridge_key = asyncio.run(prepare())
    out, key = folder / "out", folder / "key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
        words = ["tenants", "export", MOVER, str(out), "--secrets", str(key), "--run", str(prepared.run.path)]
        assert main(words) == 0
        yield World(prepared, out, key, mover, stranger, bridge_key)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def elsewhere(world: World, run_settings: Settings) -> Iterator[tuple[RunFolder, Postgres]]:
    """An empty installation."""
    run = RunFolder.open(world.out.parent / "elsewhere", run_settings)
    postgres = Postgres(run, run_settings)
    with postgres.running():
        yield run, postgres


def bring(world: World, run: RunFolder, source: Path | None = None, key: Path | None = None) -> int:
    words = ["tenants", "import", str(source or world.out), "--secrets", str(key or world.key)]
    return main([*words, "--run", str(run.path)])


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_export_is_private_and_holds_the_tenant_and_nobody_else(world: World):
    files = everything(world.out)
    manifest = json.loads(files["manifest.json"])

    assert (world.out.stat().st_mode & 0o777, world.key.stat().st_mode & 0o777) == (0o700, 0o600)
    assert manifest["tenant"]["id"] == str(world.mover)
    counted = {name: one["rows"] for name, one in manifest["contents"].items()}
    expected = {"database.shop.orders": 5, "lake.gold/numbers": 3, "log.scada.readings": 4, "secrets.secrets": 1}
    expected |= {"platform.people": 2, "platform.bridges": 1, "platform.contracts": 1, "keys.bridges": 1}
    assert {name: counted[name] for name in expected} == expected
    assert manifest["contents"]["lake.gold/numbers"]["position"] == "version 3"
    mine = b"".join(files.values())
    for value in (MOVER, str(world.mover), f"{MOVER}@own.example", "both@shared.example", f"{MOVER}-order-3"):
        assert value.encode() in mine or value.encode() in restored_text(world.out)
    for value in (STRANGER, str(world.stranger), world.stranger.hex, f"{MOVER}-secret"):
        assert value.encode() not in mine
        assert value.encode() not in restored_text(world.out)


def restored_text(out: Path) -> bytes:
    """The dump as SQL: in its own format it is compressed."""
    command = [str(binaries(None) / "pg_restore"), "-f", "-", str(out / "database" / "tenant.dump")]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_an_empty_installation_has_the_tenant_as_it_was(
    world: World, elsewhere: tuple[RunFolder, Postgres], capsys: pytest.CaptureFixture[str]
):
    run, postgres = elsewhere
    assert bring(world, run) == 0
    said = capsys.readouterr().out
    assert "all counts and checksums as exported" in said
    for name, one in json.loads((world.out / "manifest.json").read_text())["contents"].items():
        if one["rows"]:
            assert [name, str(one["rows"]), one["checksum"][:16]] in [line.split()[:3] for line in said.splitlines()]

    async def look() -> None:
        async with opened(run, postgres, world.installation.settings) as there:
            scope = await there.tenancy.get(MOVER)
            assert scope.id == world.mover
            assert (await there.identity.authenticate_bridge(world.bridge_key)).tenant == scope
            assert (await there.tenancy.bridge_key_file(scope, "hall")).read_text() == world.bridge_key
            assert (await there.identity.sign_in(MOVER, f"{MOVER}@own.example", PASSWORD)).access
            secret = await there.vault.of(scope, ACTOR).get("erp/password", purpose="test")
            assert secret.reveal() == f"{MOVER}-secret"
            data = await connector_for(there.tenancy, scope, schema="shop")
            assert {row["what"] for row in await data.query("orders")} == {f"{MOVER}-order-{n}" for n in range(5)}
            assert await data.raw_sql("select count(*) as n from orders", []) == [{"n": 5}]
            modules = await open_subscriptions(there.tenancy, run, world.installation.settings, actor=ACTOR)
            assert await modules.active(scope) == {"FLEET_RELIABILITY", "SCADA_MONITOR"}
            assert len(await modules.history(scope)) == 2
            await modules.unsubscribe(scope, "SCADA_MONITOR", actor=ACTOR)
            earlier = there.lake.tenant(MOVER).scan(NUMBERS, version=2).collect()
            assert earlier["word"].sort().to_list() == [f"{MOVER}-word-0", f"{MOVER}-word-1"]

    asyncio.run(look())
    assert main(["audit", "verify", "--run", str(run.path)]) == 0
    assert "records of before its import" in capsys.readouterr().out
    assert bring(world, run) != 0
    assert "a tenant of that slug is here" in capsys.readouterr().err
    (copy,) = (run.path / "audit" / "imported" / str(world.mover)).iterdir()
    kept = copy.read_bytes()
    copy.write_bytes(kept.replace(b"site.register", b"site.rEgister"))
    assert main(["audit", "verify", "--run", str(run.path)]) == 1
    assert "was changed" in capsys.readouterr().out
    copy.write_bytes(kept)
    assert main(["audit", "verify", "--run", str(run.path)]) == 0


def test_what_cannot_be_imported_leaves_nothing_and_touches_nothing(
    world: World, reachable: Path, run_settings: Settings, capsys: pytest.CaptureFixture[str]
):
    run = RunFolder.open(reachable / "third", run_settings)
    words = ["--run", str(run.path)]
    with Postgres(run, run_settings).running():
        newer, wrong = reachable / "newer", reachable / "wrong"
        for copy, change in ((newer, {"schema": "9999"}), (wrong, {})):
            shutil.copytree(world.out, copy)
            rewrite(copy, change)
        (reachable / "key").write_text("x" * 43)
        assert bring(world, run, newer) != 0
        assert bring(world, run, wrong) != 0
        assert bring(world, run, key=reachable / "key") != 0
        assert main(["tenants", "import", str(world.out), *words]) != 0
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
        assert ["newer version" in errors[0], "database.shop.orders" in errors[1]] == [True, True]
        assert ["does not open the secrets" in errors[2], "holds secrets" in errors[3]] == [True, True]
        assert main(["tenants", "list", *words]) == 0
        assert "no tenants yet" in capsys.readouterr().out
        stray = Path(run.lake_root(run_settings)) / MOVER / "gold" / "somebodys.parquet"
        stray.parent.mkdir(parents=True)
        stray.write_text("mine")
        assert bring(world, run) != 0
        assert "in the way" in capsys.readouterr().err
        assert stray.read_text() == "mine"
        stray.unlink()
        assert bring(world, run) == 0


def rewrite(folder: Path, change: dict[str, object]) -> None:
    """A manifest by somebody who knows how to hash: other than what is in the folder."""
    from core.tenancy.moving.manifest import digest_of

    body = json.loads((folder / "manifest.json").read_text())
    del body["sha256"]
    if not change:
        body["contents"]["database.shop.orders"]["rows"] += 1
    body |= change
    (folder / "manifest.json").write_text(json.dumps(body | {"sha256": digest_of(body)}))


def test_a_removed_tenant_is_as_if_it_had_never_been(world: World, capsys: pytest.CaptureFixture[str]):
    here, words = world.installation, ["--run", str(world.installation.run.path)]
    for wrong in ([], ["--confirm", STRANGER]):
        assert main(["tenants", "remove", MOVER, *wrong, *words]) != 0
        assert "confirmed by the tenant's slug" in capsys.readouterr().err
    assert main(["tenants", "remove", MOVER, "--confirm", MOVER, *words]) == 0
    assert main(["tenants", "remove", MOVER, "--confirm", MOVER, *words]) != 0
    assert main(["tenants", "inspect", MOVER, *words]) != 0
    assert capsys.readouterr().err.count("no such tenant") == 2

    async def look() -> None:
        async with opened(here.run, here.postgres, here.settings) as left:
            with pytest.raises(NotFoundError):
                await left.tenancy.get(MOVER)
            for key in (world.bridge_key, world.bridge_key[:-2] + "00"):
                with pytest.raises(DeniedError, match="bridge key is not valid"):
                    await left.identity.authenticate_bridge(key)
            with pytest.raises(DeniedError):
                await left.identity.sign_in(MOVER, f"{MOVER}@own.example", PASSWORD)
            neighbour = await left.tenancy.get(STRANGER)
            assert (await left.identity.sign_in(STRANGER, "both@shared.example", PASSWORD)).access
            data = await connector_for(left.tenancy, neighbour, schema="shop")
            assert len(await data.query("orders")) == 5
            assert left.lake.tenant(STRANGER).count(NUMBERS) == 3
            async with left.tenancy.admin.open(ACTOR, "look for remains", readonly=True) as admin:
                assert await admin.fetchval("select count(*) from people where email like $1", f"{MOVER}%") == 0
                tombstone = await admin.fetchrow(
                    "select target, before from audit_log where tenant_id is null and action = 'tenant.remove'"
                    " order by seq desc limit 1"
                )
            assert tombstone == {"target": MOVER, "before": {"id": str(world.mover), "name": f"{MOVER} Ltd"}}

    asyncio.run(look())
    lake = Path(here.run.lake_root(here.settings))
    assert sorted(path.name for path in lake.iterdir() if path.name in (MOVER, STRANGER)) == [STRANGER]
    assert not [path for path in here.run.secrets.rglob("*") if path.is_file() and path.read_text() == world.bridge_key]
    capsys.readouterr()
    main(["audit", "verify", *words])  # other tests break chains of this installation on purpose
    lines = capsys.readouterr().out.splitlines()
    (chain,) = [line for line in lines if line.startswith(f"tenant {world.mover}, removed")]
    assert chain.endswith("intact")

    async def take_the_address() -> None:
        async with opened(here.run, here.postgres, here.settings) as there:
            other = await there.tenancy.get(STRANGER)
            await there.identity.add_person(other, f"{MOVER}@own.example", "Not They", TAKEN, "viewer", actor=ACTOR)

    asyncio.run(take_the_address())
    assert bring(world, here.run) == 0

    async def nobody_enters_with_a_password_another_tenant_chose() -> None:
        async with opened(here.run, here.postgres, here.settings) as there:
            # Who was brought back and who has the address elsewhere are two people, each with their own password.
            for slug, own, other in ((STRANGER, TAKEN, PASSWORD), (MOVER, PASSWORD, TAKEN)):
                assert (await there.identity.sign_in(slug, f"{MOVER}@own.example", own)).access
                with pytest.raises(DeniedError):
                    await there.identity.sign_in(slug, f"{MOVER}@own.example", other)
            assert (await there.identity.sign_in(MOVER, "both@shared.example", PASSWORD)).access

    asyncio.run(nobody_enters_with_a_password_another_tenant_chose())
    assert main(["audit", "verify", "--tenant", MOVER, *words]) == 0
    told = capsys.readouterr().out
    assert "all counts and checksums as exported" in told
    assert f"{MOVER}: " in told.replace("removed", "")
