"""A migration that is killed in the middle of a step goes on with that step."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

from core.audit import Actor
from core.connector import connector_for
from core.connector.tables.ledger import SQL
from core.db import Database
from core.tenancy.stores import database_of

if TYPE_CHECKING:
    from core.tenancy import Tenancy
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
NAMES = ["t0", "t1", "t2", "t3"]
OLD: dict[str, Any] = {name: {"columns": {"a": {"type": "string"}}} for name in NAMES}
ADDED = {"type": "integer", "default": 7, "indexed": True}
NEW: dict[str, Any] = {name: {"columns": {"a": {"type": "string"}, "b": ADDED}} for name in NAMES}
MIGRATIONS = [
    {
        "version": "1.1.0",
        "description": "One column in each table",
        "operations": [{"action": "add_column", "table": name, "column": "b", **ADDED} for name in NAMES],
    }
]
_PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from core.connector import connector_for
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import PostgresSettings, Settings
from core.tenancy import Tenancy

async def main(path, slug, tables, migrations):
    settings = Settings(postgres=PostgresSettings(durable=False))
    run = RunFolder.open(Path(path), settings)
    async with await Tenancy.open(run, Postgres(run, settings), settings) as tenancy:
        data = await connector_for(tenancy, await tenancy.get(slug), schema="killed")
        await data.migrate(tables, migrations, "1.1.0")

asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])))
"""


async def kill_while_it_waits_for(table: str, superuser: Database, run: str) -> None:
    """Start the migration, hold one table against it, and kill it with -9 when it waits there."""
    import json

    async with superuser.transaction() as holding:
        await holding.execute(f"lock table killed.{table} in share mode")
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, run, "killed-migration", json.dumps(NEW), json.dumps(MIGRATIONS)
        )
        while not await superuser.fetchval(
            "select count(*) from pg_locks where not granted and relation = $1::regclass", f"killed.{table}"
        ):
            assert program.returncode is None, "the migration ended before it came to the table"
            await asyncio.sleep(0.05)
        program.kill()
        await program.wait()
    await until_only_this_works_on(superuser)


async def until_only_this_works_on(superuser: Database) -> None:
    others = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and state <> 'idle'"
    )
    for _ in range(600):
        if not await superuser.fetchval(others):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the killed program's transaction is still open")


async def test_what_was_killed_goes_on_where_it_stopped(tenancy: Tenancy, prepared: Installation):
    scope = await tenancy.create("killed-migration", "Killed", actor=Actor.command("test"))
    data = await connector_for(tenancy, scope, schema="killed")
    await data.provision_tables(OLD, version="1.0.0")
    await data.insert("t3", {"a": "kept"})
    run = str(prepared.run.path)
    async with await Database.open(prepared.postgres.dsn(database_of(scope))) as superuser:
        for killed_at in (1, 3):
            await kill_while_it_waits_for(NAMES[killed_at], superuser, run)

            steps = await superuser.fetch(SQL["steps_done"], "killed", "1.1.0")
            assert sorted(row["position"] for row in steps) == list(range(killed_at))
            has_b = [name for name in NAMES if "b" in (await data.get_schema(name)).columns]
            assert has_b == NAMES[:killed_at]

    done = await data.migrate(NEW, MIGRATIONS, "1.1.0")

    assert done.steps == ("1.1.0 add_column t3.b",)
    assert [(row["a"], row["b"]) for row in await data.query("t3")] == [("kept", 7)]
    assert (await data.migrate(NEW, MIGRATIONS, "1.1.0")).steps == ()
