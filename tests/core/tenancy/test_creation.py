"""A creation that is killed, at any step, is gone on from by running it again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import Database
from core.errors import NotFoundError
from core.settings import as_environment
from core.tenancy import Tenancy
from core.tenancy.creation import Creation
from core.tenancy.stores import role_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
ACTOR = Actor.command("test")
STEPS = ("store", "role", "database", "schemas", "roles")
_HOLD = """
create function hold_step() returns trigger language plpgsql as $$
begin
    if new.step = tg_argv[0] then perform pg_sleep(120); end if;
    return new;
end $$;
create trigger hold_step before insert on tenant_steps for each row execute function hold_step('{step}')
"""
_HOLD_LAST = """
create function hold_step() returns trigger language plpgsql as $$
begin
    perform pg_sleep(120);
    return new;
end $$;
create trigger hold_step before update on tenants for each row when (new.status = 'active')
    execute function hold_step()
"""
_HELD = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = 'platform'"


def begin(installation: Installation, slug: str) -> subprocess.Popen[bytes]:
    """The real command, in a process of its own."""
    command = [sys.executable, "-m", "cli.main", "tenants", "create", "--slug", slug, "--name", "Killed"]
    return subprocess.Popen(
        [*command, "--run", str(installation.run.path)],
        cwd=Path(__file__).parents[3],
        env={"PATH": "/usr/bin:/bin", **as_environment(installation.settings)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def kill_at(installation: Installation, superuser: Database, slug: str, step: str | None) -> None:
    """Run the command until its step's work is done and its note is about to be written, and kill -9 it there."""
    await superuser.execute(_HOLD.format(step=step) if step else _HOLD_LAST)
    process = begin(installation, slug)
    try:
        for _ in range(600):
            assert process.poll() is None, "the command ended before it was killed"
            held = await superuser.fetchval(_HELD)
            if held is not None:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the step was never reached")
        process.kill()
        process.wait()
        await superuser.execute(f"select pg_terminate_backend({held}, 10000)")
    finally:
        process.kill()
        process.wait()
        await superuser.execute("drop function hold_step cascade")


async def test_a_creation_killed_at_every_step_in_turn_becomes_one_healthy_tenant(
    tenancy: Tenancy, prepared: Installation
):
    slug = "killed-co"
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        for step in (*STEPS, None):
            await kill_at(prepared, superuser, slug, step)
            with pytest.raises(NotFoundError):
                await tenancy.get(slug)

        scope = await tenancy.create(slug, "Killed", actor=ACTOR)

        rows = await superuser.fetch("select id, status from tenants where slug = $1", slug)
        assert rows == [{"id": scope.id, "status": "active"}]
        steps = await superuser.fetch("select step from tenant_steps where tenant_id = $1", scope.id)
        roles = await superuser.fetch("select rolname from pg_roles where starts_with(rolname, 'tenant_')")
        named = await superuser.fetch("select datname from pg_database where datname = 't_killed_co'")
    assert sorted(row["step"] for row in steps) == sorted(STEPS)
    assert (len(named), [row["rolname"] for row in roles].count(role_of(scope))) == (1, 1)
    assert await (await tenancy.database(scope)).fetchval("select '[1]'::vector::text") == "[1]"
    assert [record.action for record in await tenancy.audit.newest(scope)] == ["tenant.create"]


async def test_a_creation_killed_at_no_step_in_particular_can_be_finished(tenancy: Tenancy, prepared: Installation):
    """Steps are noted between the kills too: what is cut off is always the work of one of them."""
    for n, pause_s in enumerate((0.6, 0.9, 1.2)):
        slug = f"killed-somewhere-{n}"
        process = begin(prepared, slug)
        await asyncio.sleep(pause_s)
        process.kill()
        process.wait()

        scope = await tenancy.create(slug, "Killed", actor=ACTOR)

        assert await tenancy.active(scope.id) == scope
        assert await (await tenancy.database(scope)).fetchval("select 1") == 1


async def test_an_interrupted_copy_of_the_template_is_made_again(
    tenancy: Tenancy, prepared: Installation, monkeypatch: pytest.MonkeyPatch
):
    async def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Creation, "run", cut_off)
        await tenancy.create("half-copied", "Half", actor=ACTOR)
    async with await Database.open(prepared.postgres.dsn("postgres")) as superuser:
        await superuser.execute("create database t_half_copied")
        # What PostgreSQL leaves behind when CREATE DATABASE dies half-way.
        await superuser.execute("update pg_database set datconnlimit = -2 where datname = 't_half_copied'")

    scope = await tenancy.create("half-copied", "Half", actor=ACTOR)

    assert await (await tenancy.database(scope)).fetchval("select '[1]'::vector::text") == "[1]"
