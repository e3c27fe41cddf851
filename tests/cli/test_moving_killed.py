"""An import or a removal that is killed, at any step, is gone on from by running it again; half an export is none."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from cli.main import main
from core.audit import Actor
from core.db import Database
from core.errors import NotFoundError
from core.identity import IdentityService
from core.tenancy import Tenancy
from core.tenancy.stores import database_of, role_of
from lake.store import Lake
from tests.core.tenancy.killing import ACTIVATION, STRIKING_OUT, begin, kill_at, step
from tests.core.tenancy.test_sites import contract_of, site_of
from tests.lake.test_store import NUMBERS

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
ACTOR = Actor.command("test")
SLUG, PERSON = "killed-mover", "killed@own.example"
IMPORT = ("vacant", "store", "role", "database", "restore database", "restore lake", "restore log", "restore platform",
          "restore keys", "restore history")  # fmt: skip
REMOVE = ("shut", "secrets", "keys", "platform", "dagster", "log", "lake", "database", "history")


async def fill(tenancy: Tenancy, here: Installation) -> None:
    scope = await tenancy.create(SLUG, "Killed", actor=ACTOR)
    site = site_of(SLUG, "killed-hall")
    await tenancy.register_site(scope, site, contract_of(site), actor=ACTOR)
    identity = IdentityService(tenancy, here.run, here.settings)
    await identity.add_person(scope, PERSON, "Kay", "Longer-than-it-seems-7", "admin", actor=ACTOR)
    database = await tenancy.database(scope)
    await database.execute("create table kpi.killed (n integer); insert into kpi.killed values (1), (2)")
    rows = pa.Table.from_pydict({"number": [1], "word": ["one"], "date": [date(2026, 1, 1)]}, schema=NUMBERS.schema)
    Lake(here.run.lake_root(here.settings)).tenant(SLUG).append(NUMBERS, rows)


async def rest(tenancy: Tenancy, here: Installation, superuser: Database) -> list[int]:
    """What is there of the tenant: registered, people, databases, roles, lake folders, key files."""
    queries = (
        f"select count(*) from tenants where slug = '{SLUG}'",
        f"select count(*) from people where email = '{PERSON}'",
        "select count(*) from pg_database where datname = 't_killed_mover'",
    )
    counted = [await superuser.fetchval(query) for query in queries]
    known = await tenancy.in_any_state(SLUG)
    role = role_of(known[0]) if known else ""
    counted.append(await superuser.fetchval("select count(*) from pg_roles where rolname = $1", role))
    lake = Path(here.run.lake_root(here.settings)) / SLUG
    return [*counted, int(lake.exists()), len(list((here.run.secrets / "bridges").glob("killed-hall*")))]


@pytest.mark.long
async def test_removals_and_imports_killed_at_every_step_in_turn(
    tenancy: Tenancy, prepared: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    out, words = tmp_path / "out", ["--run", str(prepared.run.path)]
    await fill(tenancy, prepared)
    assert await asyncio.to_thread(main, ["tenants", "export", SLUG, str(out), *words]) == 0
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        assert await rest(tenancy, prepared, superuser) == [1, 1, 1, 1, 1, 1]
        scope = await tenancy.get(SLUG)
        for moment in (*(step("remove", name) for name in REMOVE), STRIKING_OUT):
            await kill_at(prepared, superuser, moment, "remove", SLUG, "--confirm", SLUG)
            with pytest.raises(NotFoundError):
                await tenancy.get(SLUG)
        assert await asyncio.to_thread(main, ["tenants", "remove", SLUG, "--confirm", SLUG, *words]) == 0
        assert await rest(tenancy, prepared, superuser) == [0, 0, 0, 0, 0, 0]
        assert await superuser.fetchval("select count(*) from pg_roles where rolname = $1", role_of(scope)) == 0

        for moment in (*(step("import", name) for name in IMPORT), ACTIVATION):
            await kill_at(prepared, superuser, moment, "import", str(out))
            with pytest.raises(NotFoundError):
                await tenancy.get(SLUG)
        assert await asyncio.to_thread(main, ["tenants", "import", str(out), *words]) == 0
        assert await rest(tenancy, prepared, superuser) == [1, 1, 1, 1, 1, 1]
        assert await superuser.fetchval("select count(*) from people where email = $1", PERSON) == 1

        # The half of an import that nobody goes on with can be removed as well.
        await asyncio.to_thread(main, ["tenants", "remove", SLUG, "--confirm", SLUG, *words])
        await kill_at(prepared, superuser, step("import", "restore history"), "import", str(out))
        assert await asyncio.to_thread(main, ["tenants", "remove", SLUG, "--confirm", SLUG, *words]) == 0
        assert await rest(tenancy, prepared, superuser) == [0, 0, 0, 0, 0, 0]
    assert (await tenancy.audit.verify(scope)).ok
    assert database_of(scope) == "t_killed_mover"


async def test_an_export_that_is_killed_leaves_no_folder_of_its_name(
    tenancy: Tenancy, prepared: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    scope = await tenancy.create("killed-writer", "Killed", actor=ACTOR)
    database, out, part = await tenancy.database(scope), tmp_path / "out", tmp_path / "out.part"
    await database.execute("create table kpi.held (n integer)")
    words = ["--run", str(prepared.run.path)]
    async with database.transaction() as lock:
        # The export waits for this table in the middle of its first part.
        await lock.execute("lock table kpi.held in access exclusive mode")
        process = begin(prepared, "export", "killed-writer", str(out))
        for _ in range(1_200):
            if (part / "database").exists():
                break
            await asyncio.sleep(0.05)
        process.kill()
        process.wait()
    assert (part.exists(), out.exists()) == (True, False)
    assert await asyncio.to_thread(main, ["tenants", "import", str(part), *words]) != 0

    assert await asyncio.to_thread(main, ["tenants", "export", "killed-writer", str(out), *words]) == 0

    assert (part.exists(), (out / "manifest.json").exists()) == (False, True)
    assert await asyncio.to_thread(main, ["tenants", "export", "killed-writer", str(out), *words]) != 0
