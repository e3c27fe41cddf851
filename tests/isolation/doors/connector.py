"""The tenant data connector: every method, at every place that takes a text, a number or a value."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

from core.connector import TenantDataConnector, connector_for
from tests.isolation.attempt import Attempt
from tests.isolation.filling import NOTES
from tests.isolation.techniques import hostile, odd_values
from tests.isolation.world import HIDDEN_ATTIC, ROWS, World

Place = Callable[[TenantDataConnector, str], Awaitable[Any]]
NOT_A_DOOR: dict[str, str] = {}
_ROW = {"id": 1, "owner": "x", "amount": 1.0, "seen_at": "2024-03-01T12:00:00Z", "extra": {}, "embedding": [1, 1]}
_KEY = {"id": {"type": "integer", "primary_key": True}}


def found(world: World) -> set[str]:
    """Every public method."""
    names = {name for name, _ in inspect.getmembers(TenantDataConnector, inspect.isfunction)}
    return {f"connector.{name}" for name in names if not name.startswith("_")}


NAMES: dict[str, list[Place]] = {
    "query": [
        lambda data, text: data.query(text),
        lambda data, text: data.query("notes", {text: 1}),
        lambda data, text: data.query("notes", {"owner": {text: "x"}}),
        lambda data, text: data.query("notes", order_by=text),
        lambda data, text: data.query("notes", order_by=["id desc", text]),
        lambda data, text: data.query("notes", columns=["id", text]),
        lambda data, text: data.query("notes", time_range={"column": text, "last_hours": 1}),
        lambda data, text: data.query("notes", time_range={"column": "seen_at", "start": text}),
        lambda data, text: data.query("notes", limit=text),
    ],
    "aggregate": [
        lambda data, text: data.aggregate(text, metrics=["count(*)"]),
        lambda data, text: data.aggregate("notes", metrics=[text]),
        lambda data, text: data.aggregate("notes", metrics=[f"count({text})"]),
        lambda data, text: data.aggregate("notes", metrics=["count(*)"], group_by=[text]),
        lambda data, text: data.aggregate("notes", metrics=["max(owner)"], group_by=["id"], order_by=text),
    ],
    "vector_search": [
        lambda data, text: data.vector_search(text, [1, 1]),
        lambda data, text: data.vector_search("notes", [1, 1], vector_column=text),
        lambda data, text: data.vector_search("notes", [1, 1], filters={text: "x"}),
        lambda data, text: data.vector_search("notes", text),
    ],
    "insert": [
        lambda data, text: data.insert(text, _ROW),
        lambda data, text: data.insert("drafts", {"id": 1, text: "x"}),
    ],
    "upsert": [
        lambda data, text: data.upsert(text, [_ROW], key=["id"]),
        lambda data, text: data.upsert("drafts", [{"id": 1, text: "x"}], key=["id"]),
        lambda data, text: data.upsert("drafts", [_ROW], key=[text]),
    ],
    "update": [
        lambda data, text: data.update(text, {"id": 1}, {"owner": "x"}),
        lambda data, text: data.update("drafts", {text: 1}, {"owner": "x"}),
        lambda data, text: data.update("drafts", {"id": 1}, {text: "x"}),
    ],
    "delete": [
        lambda data, text: data.delete(text, {"id": 1}),
        lambda data, text: data.delete("drafts", {text: 1}),
    ],
    "undelete": [
        lambda data, text: data.undelete(text, {"id": 1}),
        lambda data, text: data.undelete("drafts", {text: 1}),
    ],
    "copy_in": [
        lambda data, text: data.copy_in(text, [_ROW]),
        lambda data, text: data.copy_in("drafts", [{"id": 1, text: "x"}]),
    ],
    "stream": [
        lambda data, text: _all(data.stream(text)),
        lambda data, text: _all(data.stream("notes", columns=[text])),
        lambda data, text: _all(data.stream("notes", order_by=text)),
    ],
    "transaction": [
        lambda data, text: _within(data, lambda work: work.query(text)),
        lambda data, text: _within(data, lambda work: work.update("drafts", {text: 1}, {"owner": "x"})),
    ],
    "get_schema": [lambda data, text: data.get_schema(text)],
    "migrate": [
        lambda data, text: data.migrate({"notes": NOTES}, [], text),
        lambda data, text: data.migrate({text: NOTES}, [], "1.0.1"),
        lambda data, text: _step(data, {"action": text, "table": "drafts"}),
        lambda data, text: _step(data, {"action": "rename_column", "table": text, "column": "owner", "to": "o"}),
        lambda data, text: _step(data, {"action": "rename_column", "table": "drafts", "column": "owner", "to": text}),
        lambda data, text: _step(data, {"action": "add_check", "table": "drafts", "name": "c", "check": text}),
        lambda data, text: _step(data, {"action": "transform", "table": "drafts", "column": "owner", "from": text}),
    ],
    "provision_tables": [
        lambda data, text: data.provision_tables({text + "\u2028": {"columns": _KEY}}),
        lambda data, text: data.provision_tables({"drafts": {"columns": {text: {"type": "string"}}}}),
        lambda data, text: data.provision_tables({"drafts": {"columns": {"owner": {"type": text}}}}),
    ],
}
VALUES: dict[str, list[Place]] = {
    "query": [
        lambda data, text: data.query("notes", {"owner": text}),
        lambda data, text: data.query("notes", {"owner": {"ne": text}}),
        lambda data, text: data.query("notes", {"owner": {"in": [text, "x"]}}),
        lambda data, text: data.query("notes", {"owner": {"contains": text}}),
        lambda data, text: data.query("notes", {"id": text}),
    ],
    "aggregate": [
        lambda data, text: data.aggregate("notes", metrics=["count(*)", "sum(amount)"], filters={"owner": text})
    ],
    "vector_search": [lambda data, text: data.vector_search("notes", [1, 1], filters={"owner": text})],
    "insert": [lambda data, text: _stored(data, text)],
    "upsert": [lambda data, text: data.upsert("drafts", [{**_ROW, "owner": text}], key=["id"])],
    "update": [lambda data, text: data.update("drafts", {"id": 1, "amount": {"gte": 0}}, {"owner": text})],
    "delete": [lambda data, text: data.delete("drafts", {"owner": text, "id": 1})],
    "undelete": [lambda data, text: data.undelete("drafts", {"owner": text, "id": 0})],
    "copy_in": [lambda data, text: data.copy_in("drafts", [{**_ROW, "id": next(_ids), "owner": text}])],
    "stream": [lambda data, text: _all(data.stream("notes", {"owner": {"ne": text}}))],
    "transaction": [
        lambda data, text: _within(data, lambda work: work.query("notes", {"owner": text})),
        lambda data, text: _within(data, lambda work: work.raw_sql("select owner from notes where owner = $1", [text])),
    ],
    "raw_sql": [
        lambda data, text: data.raw_sql("select id, owner from notes where owner = $1", [text]),
        lambda data, text: data.raw_sql("select owner from notes where owner like $1", [f"%{text}"]),
        lambda data, text: data.raw_sql(
            "delete from drafts where owner = $1 and id = 0 returning owner", [text], write=True
        ),
    ],
}
_WRITING = {"migrate", "insert", "upsert", "update", "delete", "undelete", "copy_in", "transaction", "provision_tables"}


async def _step(data: TenantDataConnector, operation: dict[str, str]) -> Any:
    steps = [{"version": "1.0.1", "operations": [operation]}]
    return await data.migrate({"notes": NOTES, "drafts": NOTES}, steps, "1.0.1")


async def _all(rows: AsyncGenerator[Any]) -> list[Any]:
    async with aclosing(rows):
        return [row async for row in rows]


async def _within(data: TenantDataConnector, verb: Callable[[Any], Awaitable[Any]]) -> Any:
    async with data.transaction() as work:
        return await verb(work)


async def _stored(data: TenantDataConnector, text: str) -> Any:
    row = await data.insert("drafts", {**_ROW, "id": next(_ids), "owner": text})
    return row["owner"]


_ids = iter(range(10_000, 10_000_000))


def attempts(world: World) -> Iterator[Attempt]:
    """Everything, also what writes."""
    yield from reading(world)
    yield from _texts(world, _WRITING)
    yield from _put_aside(world)


def _put_aside(world: World) -> Iterator[Attempt]:
    """Tables that only B has put aside, and A's own, to and fro."""

    async def restored(schema: str) -> Any:
        return await (await connector_for(world.tenancy, world.a.scope, schema=schema)).restore()

    async def archived(schema: str) -> Any:
        return await (await connector_for(world.tenancy, world.a.scope, schema=schema)).archive()

    async def to_and_fro(schema: str) -> Any:
        data = await connector_for(world.tenancy, world.a.scope, schema=schema)
        await data.provision_tables({"drafts": NOTES}, version="1.0.0")
        await data.archive()
        return [await data.restore(), await data.tables(), await data.query("drafts")]

    for door, call in (("restore", restored), ("archive", archived)):
        yield Attempt(f"connector.{door}", "what only the other put aside", HIDDEN_ATTIC, call, refused=True)
        yield Attempt(f"connector.{door}", "own, to and fro", "loft", to_and_fro)


def reading(world: World) -> Iterator[Attempt]:
    """What changes nothing, so that it can be asked again after B has changed."""
    yield from _texts(world, {*NAMES, *VALUES} - _WRITING)
    yield from _numbers(world)
    yield from _odd(world)
    data = world.a.data
    yield Attempt("connector.tables", "list", "", lambda _: data.tables(), most=10)


def _texts(world: World, methods: set[str]) -> Iterator[Attempt]:
    data = world.a.data
    for places, name in ((NAMES, "hidden_notes"), (VALUES, "of beta")):
        tried = [*hostile(world.names, name), ("name of the other tenant", name), ("own name", "notes")]
        for method, places_of_it in places.items():
            for place in places_of_it if method in methods else ():
                for technique, text in tried:
                    call = _bound(place, data)
                    yield Attempt(f"connector.{method}", technique, text, call, most=_most(method))


def _most(method: str) -> int | None:
    return ROWS if method in ("query", "stream", "aggregate", "vector_search") else None


def _bound(place: Place, data: TenantDataConnector) -> Callable[[str], Awaitable[Any]]:
    return lambda text: place(data, text)


def _numbers(world: World) -> Iterator[Attempt]:
    """Limits, windows and vectors at and beyond their edges."""
    data = world.a.data
    for limit in (0, 1, 2, 3, 4, 49_999, 50_000, 50_001, 2**31, 2**63, -1, True, 1.5, None):
        for door, call in (
            ("query", lambda _, n=limit: data.query("notes", order_by="id", limit=n)),
            ("aggregate", lambda _, n=limit: data.aggregate("notes", metrics=["count(*)"], group_by=["id"], limit=n)),
            ("vector_search", lambda _, n=limit: data.vector_search("notes", [1, 1], n)),
        ):
            yield Attempt(f"connector.{door}", "limit at its edge", str(limit), call, most=ROWS)
    edges = ("0001-01-01T00:00:00Z", "2024-03-01T12:00:00Z", "9999-12-31T23:59:59Z", "2024-03-01T13:00:00+01:00")
    for start in edges:
        for end in edges:
            window = {"column": "seen_at", "start": start, "end": end}
            for order in ("id", "owner desc", "amount, owner", "seen_at desc, extra"):
                call = lambda _, w=window, o=order: data.query("notes", time_range=w, order_by=o)  # noqa: E731
                yield Attempt("connector.query", "window and order at their edges", f"{window} {order}", call, ROWS)
    for x in (-1.0, 0.0, 1.0, 7.0, 1e300):
        for y in (-1.0, 0.0, 1.0, 2.0, 3.0, 7.0):
            for top in (1, 3, 50_000):
                call = lambda _, v=[x, y], n=top: data.vector_search("notes", v, n)  # noqa: E731
                yield Attempt("connector.vector_search", "nearest to the other's vector", f"{x} {y} {top}", call, ROWS)


def _odd(world: World) -> Iterator[Attempt]:
    """Values of other types, where a value, a filter, a list or a table is expected."""
    data = world.a.data
    places: dict[str, Callable[[Any], Awaitable[Any]]] = {
        "query:filter": lambda value: data.query("notes", {"owner": value}),
        "query:id": lambda value: data.query("notes", {"id": value}),
        "query:json": lambda value: data.query("notes", {"extra": value}),
        "query:deleted": lambda value: data.query("notes", {"is_deleted": value}),
        "query:filters": lambda value: data.query("notes", value),
        "query:columns": lambda value: data.query("notes", columns=value),
        "query:window": lambda value: data.query("notes", time_range=value),
        "query:hours": lambda value: data.query("notes", time_range={"column": "seen_at", "last_hours": value}),
        "vector_search:vector": lambda value: data.vector_search("notes", value),
        "raw_sql:params": lambda value: data.raw_sql("select owner from notes where owner = $1", value),
        "raw_sql:value": lambda value: data.raw_sql("select owner from notes where owner = $1", [value]),
    }
    outer = {"query:filters": dict, "query:columns": list, "query:window": dict, "raw_sql:params": list}
    for place, call in places.items():
        for technique, value in odd_values():
            if not isinstance(value, outer.get(place, object)):
                continue  # a mistake of the module's own code, which its type checker finds
            bound = lambda _, c=call, v=value: c(v)  # noqa: E731
            yield Attempt(f"connector.{place.partition(':')[0]}", technique, f"{place} {value!r}", bound)
