from __future__ import annotations

from typing import Any

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.connector.tables.declaration import create_table, read_tables
from core.errors import InputError
from core.tenancy import Tenancy

_ACTOR = Actor.command("test")


@pytest.mark.parametrize(
    ("tables", "where"),
    [
        ({"Bad-Name": {"columns": {"a": {"type": "string"}}}}, "Bad-Name"),
        ({"t": {"columns": {}}}, "t.columns"),
        ({"t": {"columns": {'a"; drop': {"type": "string"}}}}, "t.columns"),
        ({"t": {"columns": {"a": {"type": "money"}}}}, "t.columns.a.type"),
        ({"t": {"columns": {"a": {"type": "vector"}}}}, "t.columns.a"),
        ({"t": {"columns": {"a": {"type": "vector", "dimensions": 0}}}}, "t.columns.a.dimensions"),
        ({"t": {"columns": {"a": {"type": "string", "dimensions": 3}}}}, "t.columns.a"),
        ({"t": {"columns": {"a": {"type": "integer", "enum": ["x"]}}}}, "t.columns.a"),
        ({"t": {"columns": {"a": {"type": "string", "enum": ["x"], "default": "y"}}}}, "t.columns.a"),
        ({"t": {"columns": {"a": {"type": "string", "auto": True}}}}, "t.columns.a"),
        ({"t": {"columns": {"a": {"type": "string", "secret": True}}}}, "t.columns.a.secret"),
        ({"t": {"columns": {"a": {"type": "string"}}, "unique": [["b"]]}}, "t"),
    ],
)
def test_a_wrong_declaration_is_named(tables: dict[str, Any], where: str):
    with pytest.raises(InputError) as refused:
        read_tables(tables)

    assert str(refused.value.where).startswith(where)


def test_columns_that_come_by_themselves_do_not_replace_declared_ones():
    tables = read_tables(
        {
            "plain": {"columns": {"a": {"type": "string"}}},
            "own": {"columns": {"key": {"type": "integer", "primary_key": True}, "created_at": {"type": "date"}}},
        }
    )

    assert list(tables["plain"].complete()) == ["id", "a", "is_deleted", "created_at", "updated_at"]
    assert list(tables["own"].complete()) == ["key", "created_at", "is_deleted", "updated_at"]
    assert tables["own"].complete()["created_at"].type == "date"


def test_constants_in_ddl_cannot_end_their_quotes():
    table = read_tables({"t": {"columns": {"a": {"type": "string", "default": "x'; drop table t; --\\"}}}})["t"]

    assert "default E'x''; drop table t; --\\\\'" in create_table("s", "t", table)[0]


@pytest.fixture
async def data(tenancy: Tenancy) -> TenantDataConnector:
    return await connector_for(tenancy, await tenancy.create("declared-co", "Declared", actor=_ACTOR), schema="growing")


@pytest.mark.integration
async def test_tables_are_made_once_grow_and_keep_their_rows(data: TenantDataConnector):
    first = {"t": {"columns": {"a": {"type": "string", "enum": ["x", "it's"], "default": "it's"}}}}
    assert await data.provision_tables(first) == ["t"]
    assert await data.provision_tables(first) == []
    await data.insert("t", {"a": "x"})

    grown = {"t": {"columns": {**first["t"]["columns"], "b": {"type": "float", "default": 0.5, "indexed": True}}}}
    assert await data.provision_tables(grown) == ["t"]

    row = (await data.query("t"))[0]
    assert (row["a"], row["b"]) == ("x", 0.5)
    assert (await data.insert("t", {"b": 1}))["a"] == "it's"


@pytest.mark.integration
async def test_a_contradiction_makes_nothing_at_all(data: TenantDataConnector):
    await data.provision_tables({"kept": {"columns": {"a": {"type": "string"}}}})

    for column in ({"a": {"type": "integer"}}, {"a": {"type": "string"}, "b": {"type": "string"}}):
        with pytest.raises(InputError):
            await data.provision_tables({"never": {"columns": column}, "kept": {"columns": column}})

    assert "never" not in await data.tables()
