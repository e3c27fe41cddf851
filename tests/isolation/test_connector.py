"""Every method of the connector, tried as A: nothing of B comes out and nothing of B changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from core.db import Database
from core.errors import DeniedError, GoldlayerError, InputError
from core.tenancy.module_roles import module_role_of
from core.tenancy.stores import database_of, role_of

if TYPE_CHECKING:
    from tests.isolation.conftest import Pair

pytestmark = pytest.mark.integration
_ATTACKS = [
    "' or true --",
    '" or true --',
    "notes; drop table notes",
    'notes" union select * from pg_database --',
    "t_iso_beta.desk.notes",
    '"t_iso_beta"."desk"."notes"',
    "pg_catalog.pg_database",
    "information_schema.tables",
    "owner) or (1=1",
    "owner' /*",
    "../iso-beta",
    "\0",
    "x" * 100,
]


async def _untouched(pair: Pair) -> bool:
    rows = await pair.b.data.query("notes", order_by="id")
    return [(row["id"], row["owner"], row["is_deleted"]) for row in rows] == [(n, "of beta", False) for n in range(3)]


async def test_every_reading_method_sees_only_its_own(pair: Pair):
    data = pair.a.data
    answers: list[Any] = [
        await data.query("notes"),
        await data.query("notes", {"owner": {"ne": "of alpha"}}),
        await data.query("notes", {"owner": "of beta"}),
        await data.vector_search("notes", [1.0, 1.0]),
        await data.aggregate("notes", group_by=["owner"], metrics=["count(*)"]),
        await data.raw_sql("select owner from notes", []),
        await data.tables(),
        list((await data.get_schema("notes")).columns),
    ]

    assert "of beta" not in str(answers)
    assert [len(answers[0]), len(answers[1]), len(answers[2])] == [3, 0, 0]
    assert answers[4] == [{"owner": "of alpha", "count": 3}]


async def test_every_writing_method_changes_only_its_own(pair: Pair):
    data = pair.a.data
    row = {"id": 7, "owner": "of alpha", "embedding": [0.0, 1.0]}

    await data.upsert("notes", [row], key=["id"])
    await data.update("notes", {"id": {"gte": 0}}, {"owner": "of alpha"})
    await data.delete("notes", {"id": {"gte": 0}})
    await data.raw_sql("delete from notes where id >= $1", [0], write=True)
    await data.insert("notes", [row])
    await data.provision_tables({"more": {"columns": {"a": {"type": "string"}}}})

    assert await _untouched(pair)
    assert "more" not in await pair.b.data.tables()


@pytest.mark.parametrize("text", _ATTACKS)
async def test_names_built_to_inject_are_refused(pair: Pair, text: str):
    data = pair.a.data
    row = {"id": 1, text: "x"}
    for call in (
        data.query(text),
        data.query("notes", {text: 1}),
        data.query("notes", {"owner": {text: "x"}}),
        data.query("notes", order_by=text),
        data.query("notes", order_by=[text]),
        data.query("notes", columns=[text]),
        data.query("notes", time_range={"column": text, "last_hours": 1}),
        data.query("notes", limit=text),  # pyright: ignore[reportArgumentType]  what a model may send
        data.aggregate("notes", metrics=[text]),
        data.aggregate("notes", metrics=[f"count({text})"]),
        data.aggregate("notes", metrics=["count(*)"], group_by=[text]),
        data.vector_search("notes", [1, 1], vector_column=text),
        data.vector_search(text, [1, 1]),
        data.insert(text, {"id": 1}),
        data.insert("notes", row),
        data.upsert("notes", [row], key=["id"]),
        data.upsert("notes", [{"id": 1, "owner": "x", "embedding": [1, 1]}], key=[text]),
        data.update("notes", {text: 1}, {"owner": "x"}),
        data.update("notes", {"id": 1}, {text: "x"}),
        data.delete("notes", {text: 1}),
        data.get_schema(text),
        data.provision_tables({text: {"columns": {"a": {"type": "string"}}}}),
        data.provision_tables({"t": {"columns": {text: {"type": "string"}}}}),
    ):
        with pytest.raises(InputError):
            await call

    assert await _untouched(pair)


@pytest.mark.parametrize("text", [attack for attack in _ATTACKS if attack != "\0"])
async def test_values_built_to_inject_stay_values(pair: Pair, text: str):
    data = pair.a.data

    assert await data.query("notes", {"owner": text}) == []
    assert await data.query("notes", {"owner": {"contains": text}}) == []
    stored = await data.upsert("notes", [{"id": 50, "owner": text, "embedding": [1, 1]}], key=["id"])
    assert [row["owner"] for row in await data.query("notes", {"owner": {"in": [text]}})] == [text]

    assert stored[0]["owner"] == text
    assert await data.raw_sql("delete from notes where owner = $1 returning id", [text], write=True) == [{"id": 50}]
    assert await _untouched(pair)


_RAW = [
    "set role {role}",
    "set session authorization {role}",
    "select set_config('role', '{role}', false)",
    "reset role",
    "select * from {database}.desk.notes",
    "select 1; select * from notes",
    "select 1; set role {role}",
    "begin",
    "commit",
    "/* select */ set role {role}",
    "-- select\nset role {role}",
    "select 1 /* ; */ ; drop table notes",
    "select datname from pg_database",
    "select rolname from pg_roles",
    "select rolname from pg_authid",
    "select usename, datname from pg_stat_activity",
    "select * from pg_stat_database",
    "select * from pg_locks",
    "select * from pg_shdescription",
    "select * from pg_user",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "copy notes to program 'id'",
    "copy (select 1) to '/tmp/x'",
    "create extension dblink",
    "select * from dblink('dbname={database}', 'select 1') as t(a int)",
    "create database stolen",
    "alter role {role} password 'x'",
    "do $$ begin execute 'set role {role}'; end $$",
    "grant {role} to current_user",
    "listen news",
    "prepare p as select 1",
    "explain analyze delete from notes",
    "table pg_database",
    "values ((select string_agg(datname, ',') from pg_database))",
    "with x as (select datname from pg_database) select * from x",
    "call nothing()",
    "vacuum",
    "lock table notes",
]


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("sql", _RAW)
async def test_raw_sql_that_reaches_out_is_refused(pair: Pair, sql: str, write: bool):
    names = {"role": role_of(pair.b.scope), "database": database_of(pair.b.scope)}

    with pytest.raises(GoldlayerError) as refused:
        await pair.a.data.raw_sql(sql.format(**names), [], write=write)

    assert isinstance(refused.value, InputError | DeniedError)
    assert await _untouched(pair)


@pytest.mark.parametrize(
    "sql",
    [
        "select string_agg(pg_get_userbyid(n::oid), ',') as text from generate_series(16384, 40000) n",
        "select string_agg(n::oid::regrole::text, ',') as text from generate_series(16384, 40000) n",
        "select string_agg(application_name || query, ',') as text from pg_stat_get_activity(null)",
        "select string_agg(nspname, ',') as text from pg_namespace",
        "select string_agg(table_catalog || table_name, ',') as text from information_schema.tables",
        "select string_agg(setting, ',') as text from pg_settings",
    ],
)
async def test_what_the_catalogues_still_tell_names_no_neighbour(pair: Pair, sql: str):
    try:
        told = str(await pair.a.data.raw_sql(sql, []))  # pyright: ignore[reportArgumentType]  listed above
    except DeniedError:
        return

    assert "beta" not in told


async def test_settings_of_one_statement_do_not_reach_the_next(pair: Pair):
    for sql in ("select set_config('search_path', 'pg_catalog', false)", "select set_config('app.x', 'b', true)"):
        with pytest.raises(DeniedError):
            await pair.a.data.raw_sql(sql, [])

    told = "select current_setting('role') as role, current_setting('app.x', true) as x, count(*) as n from notes"
    rows = await asyncio.gather(*(pair.a.data.raw_sql(told, []) for _ in range(12)))
    plain = await (await pair.tenancy.database(pair.a.scope)).fetchval("select current_setting('role')")

    assert {(row[0]["role"] == module_role_of(pair.a.scope, "desk"), row[0]["x"] or None) for row in rows} == {
        (True, None)
    }
    assert plain == "none"


async def test_a_tenant_s_password_opens_no_other_database(pair: Pair):
    dsn = await pair.tenancy.dsn(pair.a.scope)
    for name in (
        database_of(pair.b.scope),
        "platform",
        "eventlog",
        "dagster",
        "postgres",
        "template1",
        "goldlayer_template",
    ):
        async with await Database.open(dsn.replace(f"/{database_of(pair.a.scope)}", f"/{name}")) as other:
            with pytest.raises(GoldlayerError):
                await other.fetch("select 1")


def test_nothing_in_the_connector_takes_a_tenant(pair: Pair):
    import inspect

    from core.connector import TenantDataConnector

    for name, method in inspect.getmembers(TenantDataConnector, inspect.isfunction):
        taken = {parameter.lower() for parameter in inspect.signature(method).parameters}
        assert not {one for one in taken if "tenant" in one or "slug" in one or "scope" in one or "dsn" in one}, name
