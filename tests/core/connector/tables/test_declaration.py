from __future__ import annotations

from typing import Any

import pytest

from core.connector.tables.ddl import create_table
from core.connector.tables.declaration import read_tables
from core.errors import InputError

STRING = {"type": "string"}


def table(column: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    return {"t": {"columns": {"a": column or STRING}, **rest}}


@pytest.mark.parametrize(
    ("tables", "where", "says"),
    [
        ({"Bad-Name": {"columns": {"a": STRING}}}, "Bad-Name", "match pattern"),
        ({"t": {"columns": {}}}, "t.columns", "at least 1 item"),
        ({"t": {"columns": {'a"; drop': STRING}}}, "t.columns", "match pattern"),
        ({"t": {"columns": {"a": STRING}, "colour": 1}}, "t.colour", "not permitted"),
        (table({"type": "money"}), "t.columns.a.type", "'uuid', 'string', 'integer'"),
        (table({"type": "vector"}), "t.columns.a", "a vector has dimensions"),
        (table({"type": "vector", "dimensions": 0}), "t.columns.a.dimensions", "greater than or equal to 1"),
        (table({"type": "vector", "dimensions": 2001}), "t.columns.a.dimensions", "less than or equal to 2000"),
        (table({"type": "string", "dimensions": 3}), "t.columns.a", "dimensions is for vector"),
        (table({"type": "float", "precision": 3}), "t.columns.a", "precision is for decimal"),
        (table({"type": "decimal", "precision": 3, "scale": 4}), "t.columns.a", "scale is at most precision"),
        (table({"type": "decimal", "scale": 2}), "t.columns.a", "scale is at most precision"),
        (table({"type": "integer", "enum": ["x"]}), "t.columns.a", "enum is for string"),
        (table({"type": "string", "enum": []}), "t.columns.a", "at least one text"),
        (table({"type": "string", "enum": ["x"], "default": "y"}), "t.columns.a", "the default is not in enum"),
        (table({"type": "integer", "default": "one"}), "t.columns.a", "the default is not a whole number"),
        (table({"type": "timestamp", "default": "2026-01-01"}), "t.columns.a", "a date and time with its zone"),
        (table({"type": "json", "default": {}}), "t.columns.a", "cannot have a default"),
        (table({"type": "string", "auto": True}), "t.columns.a", "auto is for timestamp"),
        (table({"type": "string", "min": 1}), "t.columns.a", "min is for integer or float or decimal"),
        (table({"type": "integer", "min": 2, "max": 1}), "t.columns.a", "min is above max"),
        (table({"type": "integer", "pattern": "x"}), "t.columns.a", "pattern is for string"),
        (table({"type": "json", "array": True}), "t.columns.a", "a list is of plain values"),
        (table({"type": "uuid", "primary_key": True, "nullable": True}), "t.columns.a", "never null"),
        (table({"type": "string", "secret": True}), "t.columns.a.secret", "not permitted"),
        (table(unique=[["b"]]), "t", "unique names unknown columns: b"),
        (table(indexes=[{"columns": ["b"]}]), "t", "indexes names unknown columns: b"),
        (table(indexes=[{"columns": ["a"], "where": {"b": 1}}]), "t", "indexes names unknown columns: b"),
        (table(indexes=[{"columns": []}]), "t.indexes.0.columns", "at least 1 item"),
        (table(indexes=[{"columns": ["a", "a"]}]), "t.indexes.0", "twice"),
        (table(indexes=[{"columns": ["a"], "unique": True}]), "t.indexes.0", "has a where"),
        (table({"type": "integer"}, indexes=[{"columns": ["a"], "search": True}]), "t", "over a string column: a"),
        (table(checks={"c": "a > 5"}), "t.checks", "compares two columns"),
        (table(checks={"c": "a > b"}), "t", "checks names unknown columns: b"),
        (table(checks={"a": "a = a"}), "t", "a column's name"),
        (table(partition_by="b"), "t", "partition_by names unknown columns: b"),
        (table(partition_by="a"), "t", "a timestamp or date that is never null"),
        (table({"type": "date", "nullable": True}, partition_by="a"), "t", "a timestamp or date that is never null"),
        (table(retention_days=30), "t", "need partition_by"),
        (table(partition_every="week"), "t.partition_every", "'month' or 'day'"),
        (table(retention_days=0, partition_by="created_at"), "t.retention_days", "greater than or equal to 1"),
        (table(unique=[["a"]], partition_by="created_at"), "t", "every unique group contains that column"),
    ],
)
def test_a_wrong_declaration_is_named(tables: dict[str, Any], where: str, says: str):
    with pytest.raises(InputError) as refused:
        read_tables(tables)

    assert str(refused.value.where).startswith(where)
    assert says in str(refused.value.expected)


def test_columns_that_come_by_themselves_do_not_replace_declared_ones():
    tables = read_tables(
        {
            "plain": {"columns": {"a": STRING}},
            "own": {"columns": {"key": {"type": "integer", "primary_key": True}, "created_at": {"type": "date"}}},
        }
    )

    assert list(tables["plain"].complete()) == ["id", "a", "is_deleted", "created_at", "updated_at"]
    assert list(tables["own"].complete()) == ["key", "created_at", "is_deleted", "updated_at"]
    assert tables["own"].complete()["created_at"].type == "date"


def test_constants_in_ddl_cannot_end_their_quotes():
    declared = read_tables(table({"type": "string", "default": "x'; drop table t; --\\"}))["t"]

    assert "default E'x''; drop table t; --\\\\'" in create_table("s", "t", declared)[0]


def test_a_partitioned_table_has_its_cut_in_the_key_and_a_place_for_every_row():
    declared = read_tables(table(partition_by="created_at"))["t"]

    create, default = create_table("s", "t", declared)

    assert 'primary key ("id", "created_at")' in create
    assert create.endswith('partition by range ("created_at")')
    assert default == 'create table "s"."t_default" partition of "s"."t" default'
