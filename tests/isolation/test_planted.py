"""Leaks are planted, and each is found: before nothing is found at the doors, it is shown that something would be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from agents.api.headers import Headers
from agents.api.problems import install_problems
from core.connector import connector_for
from core.db import Database
from core.errors import InputError, NotFoundError
from tests.isolation.attempt import Attempt, leaks_of
from tests.isolation.detector import Answer
from tests.isolation.world import B, World

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("isolation"),
]


async def _found(world: World, attempt: Attempt) -> str:
    return "\n".join(leak.why for leak in await leaks_of(attempt, world.detector()))


async def test_a_connector_over_the_other_s_database_is_found(world: World) -> None:
    wrong = await connector_for(world.tenancy, world.b.scope, schema="desk")

    assert "shows 'of beta'" in await _found(world, Attempt("c", "t", "notes", wrong.query))
    assert "shows 'hidden'" in await _found(world, Attempt("c", "t", "", lambda _: wrong.tables()))
    columns = ["id", "is_deleted"]
    unmarked = Attempt("c", "t", "notes", lambda table: wrong.query(table, columns=columns), most=2)
    assert await _found(world, unmarked) == "gives 3 rows where A has 2"
    assert "answers 'value'" in await _found(world, Attempt("c", "t", "hidden_notes", wrong.get_schema))


@contextmanager
def _leaky(world: World) -> Iterator[httpx.AsyncClient]:
    """An app with routes as they must not be."""
    app = FastAPI()
    app.add_middleware(Headers)
    install_problems(app)
    known = {"hidden-pump-1": 1.0}

    @app.get("/no-token")
    async def no_token() -> list[dict[str, object]]:
        return await world.b.data.query("notes", columns=["owner"])

    @app.get("/exists/{name}")
    async def exists(name: str) -> None:
        if name in known:
            raise InputError("another tenant has it", received=name)
        raise NotFoundError("no such thing", received=name)

    @app.get("/message/{name}")
    async def message(name: str) -> None:
        raise NotFoundError("no such machine", expected=", ".join(known), received=name)

    @app.get("/count")
    async def count() -> list[int]:
        return [row["id"] for side in (world.a, world.b) for row in await side.data.query("notes")]

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError("nobody thought of this")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    yield httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_routes_that_forget_the_token_are_found(world: World) -> None:
    with _leaky(world) as client:
        assert "shows 'of beta'" in await _found(world, Attempt("r", "t", "/no-token", client.get))
        assert "shows 'hidden'" in await _found(world, Attempt("r", "t", "/message/x", client.get))
        assert "answers" in await _found(world, Attempt("r", "t", "/exists/hidden-pump-1", client.get))
        assert await _found(world, Attempt("r", "t", "/exists/hidden-pump-9", client.get)) == ""
        assert "not ours" in await _found(world, Attempt("r", "t", "/crash", client.get))

        async def rows(path: str) -> object:
            return (await client.get(path)).json()

        assert await _found(world, Attempt("r", "t", "/count", rows, most=3)) == "gives 6 rows where A has 3"


async def test_a_dropped_policy_is_found(world: World) -> None:
    """On a copy of the platform database, so that nobody else runs without policies meanwhile."""
    postgres, copy = world.installation.postgres, f"leaky_{uuid4().hex[:8]}"
    async with await Database.open(postgres.dsn("platform")) as original:
        rows = await original.fetch("select tenant_id, site, definition from sites")
    async with await Database.open(postgres.dsn("postgres")) as server:
        await server.execute(f"create database {copy}")
        try:
            async with await Database.open(postgres.dsn(copy), max_size=2) as scratch:
                await scratch.execute("create table sites (tenant_id uuid, site text, definition jsonb)")
                for row in rows:
                    await scratch.execute("insert into sites values ($1, $2, $3)", *row.values())
                await scratch.execute("grant select on sites to goldlayer_app")
                await scratch.execute("create policy read_own on sites for select using (false)")
                assert await _sites(world, copy), "row-level security that is not switched on"
                await scratch.execute("alter table sites enable row level security")
                assert not await _sites(world, copy)
                await scratch.execute("drop policy read_own on sites")
                await scratch.execute("create policy read_own on sites for select using (true)")
                assert await _sites(world, copy), "a policy that lets everything through"
        finally:
            await server.execute(f"drop database {copy} with (force)")


async def _sites(world: World, database: str) -> str:
    dsn = world.installation.postgres.dsn(database, "goldlayer_app")
    async with await Database.open(dsn, max_size=1) as app:

        async def read(_: str) -> object:
            async with app.transaction(world.a.scope.id, readonly=True) as transaction:
                return await transaction.fetch("select * from sites")

        return await _found(world, Attempt("p", "t", "", read))


async def test_b_s_own_name_for_itself_is_known(world: World) -> None:
    detector = world.detector()
    told = [B, world.b.scope.id, world.b.scope.id.hex, world.b.mark, world.b.database, world.b.bridge_key]

    assert [one for one in told if not detector.traces(Answer("value", f"it is {one}"), "")] == []
    assert [one for one in told if detector.never(str(one)) == str(one) and one != world.b.bridge_key] == []
