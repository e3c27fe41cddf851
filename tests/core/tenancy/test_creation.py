"""A creation that is killed, at any step, is gone on from by running it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import Database
from core.errors import NotFoundError
from core.sdk.loader import builtin_manifests
from core.tenancy import Tenancy
from core.tenancy.creation import Creation
from core.tenancy.stores import role_of
from tests.core.tenancy.killing import ACTIVATION, SUBSCRIPTION, begin, kill_at, step

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
ACTOR = Actor.command("test")
STEPS = ("store", "role", "database", "schemas", "roles")


def create(slug: str) -> tuple[str, ...]:
    return ("create", "--slug", slug, "--name", "Killed")


async def test_a_creation_killed_at_every_step_in_turn_becomes_one_healthy_tenant(
    tenancy: Tenancy, prepared: Installation
):
    slug = "killed-co"
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        for moment in (*(step("create", name) for name in STEPS), SUBSCRIPTION, ACTIVATION):
            await kill_at(prepared, superuser, moment, *create(slug))
            with pytest.raises(NotFoundError):
                await tenancy.get(slug)

        assert begin(prepared, *create(slug)).wait() == 0

        scope = await tenancy.get(slug)
        rows = await superuser.fetch("select id, status from tenants where slug = $1", slug)
        assert rows == [{"id": scope.id, "status": "active"}]
        noted = await superuser.fetch("select step from tenant_steps where tenant_id = $1", scope.id)
        roles = await superuser.fetch("select rolname from pg_roles where starts_with(rolname, 'tenant_')")
        named = await superuser.fetch("select datname from pg_database where datname = 't_killed_co'")
        modules = await superuser.fetch("select state from tenant_module_subscriptions where tenant_id = $1", scope.id)
    assert sorted(row["step"] for row in noted) == sorted(STEPS)
    assert (len(named), [row["rolname"] for row in roles].count(role_of(scope))) == (1, 1)
    assert await (await tenancy.database(scope)).fetchval("select '[1]'::vector::text") == "[1]"
    actions = [record.action for record in await tenancy.audit.newest(scope)]
    assert [row["state"] for row in modules] == ["active"] * len(builtin_manifests())
    assert (actions.count("tenant.create"), actions.count("module.subscribe")) == (1, len(builtin_manifests()))


async def test_a_creation_killed_at_no_step_in_particular_can_be_finished(tenancy: Tenancy, prepared: Installation):
    """Steps are noted between the kills too: what is cut off is always the work of one of them."""
    for n, pause_s in enumerate((0.6, 0.9, 1.2)):
        slug = f"killed-somewhere-{n}"
        process = begin(prepared, *create(slug))
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
