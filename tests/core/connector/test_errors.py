"""Whatever is wrong, the error names the thing and says what would be right or what to do; the data stays as it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.errors import GoldlayerError, TerminalError
from core.tenancy import Tenancy

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLES: dict[str, Any] = {
    "alarms": {
        "columns": {
            "zone": {"type": "string", "enum": ["A", "B"]},
            "code": {"type": "integer", "min": 0},
            "name": {"type": "string", "max_length": 5, "default": "x"},
            "value": {"type": "float", "nullable": True},
            "raised_at": {"type": "timestamp"},
            "tags": {"type": "string", "array": True, "nullable": True},
            "details": {"type": "json", "nullable": True},
        },
        "unique": [["zone", "code"]],
    },
    "patterns": {
        "columns": {
            "words": {"type": "string"},
            "first": {"type": "vector", "dimensions": 2},
            "second": {"type": "vector", "dimensions": 3, "nullable": True},
        }
    },
}
_ROW = {"zone": "A", "code": 1, "raised_at": _NOW}
_RANGE = {"column": "raised_at", "start": _NOW}
Call = Callable[[Any], Awaitable[object]]


@pytest.fixture
async def data(tenancy: Tenancy) -> TenantDataConnector:
    scope = await tenancy.create("wrong-co", "Wrong", actor=_ACTOR)
    connector = await connector_for(tenancy, scope, schema="wrong_desk")
    await connector.provision_tables(TABLES, version="1.0.0")
    await connector.upsert("alarms", [_ROW], key=["zone", "code"])
    return connector


async def _stream(data: TenantDataConnector, *args: Any, **named: Any) -> None:
    async for _ in data.stream(*args, **named):
        pass


FILTERS: list[tuple[dict[Any, Any], str]] = [
    ({"zones": 1}, "zones"),
    ({5: 1}, "5"),
    ({"code": "two"}, "code"),
    ({"code": True}, "code"),
    ({"code": 1.5}, "code"),
    ({"code": {"like": 1}}, "code"),
    ({"code": {5: 1}}, "code"),
    ({"code": {}}, "code"),
    ({"code": {"gt": None}}, "code"),
    ({"code": {"contains": "1"}}, "code"),
    ({"code": {"in": "12"}}, "code"),
    ({"code": {"in": [1, None]}}, "code"),
    ({"code": {"in": [1, "x"]}}, "code"),
    ({"code": {"between": [1]}}, "code"),
    ({"code": {"between": 1}}, "code"),
    ({"code": {"is_null": "yes"}}, "code"),
    ({"zone": ["A", "B"]}, "zone"),
    ({"zone": "A\0"}, "zone"),
    ({"raised_at": "yesterday"}, "raised_at"),
    ({"raised_at": datetime(2026, 1, 1)}, "raised_at"),
    ({"tags": "a"}, "tags"),
    ({"tags": {"has": [None]}}, "tags"),
    ({"details": {"eq": {"a": 1}}}, "details"),
    ({"id": "no uuid"}, "id"),
]
READS: list[tuple[str, Call]] = [
    ("alarm", lambda d: d.query("alarm")),
    ("pg_catalog.pg_class", lambda d: d.query("pg_catalog.pg_class")),
    ("other_desk.alarms", lambda d: d.get_schema("other_desk.alarms")),
    ("", lambda d: d.query("")),
    ("alarms.zone", lambda d: d.query("alarms.zone")),
    ("zones", lambda d: d.query("alarms", columns=["zones"])),
    ("zone", lambda d: d.query("alarms", columns="zone")),
    ("zones", lambda d: d.query("alarms", order_by="zones")),
    ("code sideways", lambda d: d.query("alarms", order_by="code sideways")),
    ("limit", lambda d: d.query("alarms", limit=0)),
    ("limit", lambda d: d.query("alarms", limit=50_001)),
    ("limit", lambda d: d.query("alarms", limit="5")),
    ("limit", lambda d: d.vector_search("patterns", [1, 0], -1, vector_column="first")),
    ("code", lambda d: d.query("alarms", time_range={"column": "code", "last_hours": 1})),
    ("raised", lambda d: d.query("alarms", time_range={"column": "raised", "last_hours": 1})),
    ("time range", lambda d: d.query("alarms", time_range={"last_hours": 1})),
    ("time range", lambda d: d.query("alarms", time_range={"column": "raised_at", "last_hours": 0})),
    ("time range", lambda d: d.query("alarms", time_range={"column": "raised_at", "last_days": "two"})),
    ("raised_at", lambda d: d.query("alarms", time_range={"column": "raised_at", "start": "soon"})),
    ("unknown", lambda d: d.query("alarms", time_range={**_RANGE, "unknown": 1})),
    ("zones", lambda d: _stream(d, "alarms", {"zones": 1})),
    ("mode(value)", lambda d: d.aggregate("alarms", metrics=["mode(value)"])),
    ("zones", lambda d: d.aggregate("alarms", metrics=["avg(zones)"])),
    ("zone (text)", lambda d: d.aggregate("alarms", metrics=["avg(zone)"])),
    ("sum(*)", lambda d: d.aggregate("alarms", metrics=["sum(*)"])),
    ("a metric", lambda d: d.aggregate("alarms", metrics=[])),
    ("zones", lambda d: d.aggregate("alarms", metrics=["count(*)"], group_by=["zones"])),
    ("value", lambda d: d.aggregate("alarms", metrics=["count(*)"], group_by=["zone"], order_by="value")),
    ("P2M", lambda d: d.aggregate("alarms", metrics=["count(*)"], bucket={"column": "raised_at", "every": "P2M"})),
    ("bucket", lambda d: d.aggregate("alarms", metrics=["count(*)"], bucket={"every": "P1D"})),
    (
        "Nowhere",
        lambda d: d.aggregate(
            "alarms", metrics=["count(*)"], bucket={"column": "raised_at", "every": "P1D", "timezone": "Nowhere"}
        ),
    ),
    ("vector column", lambda d: d.vector_search("alarms", [1, 0])),
    ("vector column", lambda d: d.vector_search("patterns", [1, 0])),
    ("third", lambda d: d.vector_search("patterns", [1, 0], vector_column="third")),
    ("words", lambda d: d.vector_search("patterns", [1, 0], vector_column="words")),
    ("first", lambda d: d.vector_search("patterns", [1, 0, 0], vector_column="first")),
    ("first", lambda d: d.vector_search("patterns", [1, float("nan")], vector_column="first")),
]
WRITES: list[tuple[str, Call]] = [
    ("kpi.nothing", lambda d: d.insert("kpi.nothing", {"a": 1})),
    ("zones", lambda d: d.insert("alarms", {"zones": 1})),
    ("zone", lambda d: d.insert("alarms", {**_ROW, "code": 2, "zone": 5})),
    ("zone", lambda d: d.insert("alarms", {**_ROW, "code": 2, "zone": "C"})),
    ("code", lambda d: d.insert("alarms", {**_ROW, "code": -1})),
    ("name", lambda d: d.insert("alarms", {**_ROW, "code": 2, "name": "too long"})),
    ("raised_at", lambda d: d.insert("alarms", {"zone": "A", "code": 2})),
    ("alarms_zone_code_key", lambda d: d.insert("alarms", _ROW)),
    ("tags", lambda d: d.insert("alarms", {**_ROW, "code": 2, "tags": "a"})),
    ("alarms", lambda d: d.insert("alarms", [])),
    ("alarms", lambda d: d.insert("alarms", [{}])),
    ("alarms", lambda d: d.insert("alarms", [5])),
    ("row 1", lambda d: d.insert("alarms", [{**_ROW, "code": 2}, {**_ROW, "code": 3, "value": 1.0}])),
    ("row 1", lambda d: d.insert("alarms", [{**_ROW, "code": 2}, {"zone": "A", "code": 3, "name": "x"}])),
    ("first", lambda d: d.insert("patterns", {"words": "w", "first": [1]})),
    ("row", lambda d: d.copy_in("alarms", [{**_ROW, "code": 2}, {**_ROW, "zones": 3}])),
    ("zones", lambda d: d.copy_in("alarms", [{"zones": 3}])),
    ("zone", lambda d: d.upsert("alarms", [_ROW], key=["zone"])),
    ("zones", lambda d: d.upsert("alarms", [_ROW], key=["zones"])),
    ("zone", lambda d: d.upsert("alarms", [_ROW], key="zone")),
    ("code", lambda d: d.upsert("alarms", [{"zone": "A", "raised_at": _NOW}], key=["zone", "code"])),
    ("zone, code", lambda d: d.upsert("alarms", [_ROW, _ROW], key=["zone", "code"])),
    ("update", lambda d: d.update("alarms", {}, {"code": 2})),
    ("alarms", lambda d: d.update("alarms", {"code": 1}, {})),
    ("zones", lambda d: d.update("alarms", {"code": 1}, {"zones": 2})),
    ("zones", lambda d: d.update("alarms", {"zones": 1}, {"code": 2})),
    ("code", lambda d: d.update("alarms", {"code": 1}, {"code": None})),
    ("filter", lambda d: d.delete("alarms", {})),
    ("filter", lambda d: d.undelete("alarms", {})),
    ("is_deleted", lambda d: d.undelete("alarms", {"code": 1, "is_deleted": False})),
    ("raw SQL", lambda d: d.raw_sql("drop table alarms", [], write=True)),
    ("raw SQL", lambda d: d.raw_sql("update alarms set code = 1", [])),
    ("statement", lambda d: d.raw_sql("select 1; select 2", [])),
    ("params", lambda d: d.raw_sql("select 1", "text")),
    ("1", lambda d: d.raw_sql("select $1::int", [])),
    ("nowhere", lambda d: d.raw_sql("select 1 from nowhere", [])),
]
TABLES_WRONG: list[tuple[str, Call]] = [
    ("alarms.columns.a.type", lambda d: d.provision_tables({"alarms": {"columns": {"a": {"type": "money"}}}})),
    ("Bad-Name", lambda d: d.provision_tables({"Bad-Name": {"columns": {"a": {"type": "string"}}}})),
    ("'code'", lambda d: d.provision_tables({"alarms": {"columns": {"code": {"type": "string"}}}}, version="1.0.0")),
    ("'more'", lambda d: d.provision_tables({"alarms": {"columns": {"more": {"type": "float"}}}}, version="1.0.0")),
    ("1.1.0", lambda d: d.provision_tables(TABLES, version="1.1.0")),
    ("0.9.0", lambda d: d.provision_tables(TABLES, version="0.9.0")),
    ("0.9.0", lambda d: d.migrate(TABLES, [], "0.9.0")),
    ("data_migrations.0", lambda d: d.migrate(TABLES, [{"version": "1.1"}], "1.1.0")),
    ("1.1.0 drop_table patterns", lambda d: d.migrate(TABLES, [_dropping()], "1.1.0")),
    ("1.1.0 add_index nowhere", lambda d: d.migrate(TABLES, [_adding()], "1.1.0")),
    ("extra", lambda d: d.migrate(_with_extra(), [], "1.1.0")),
    ("wrong_desk", lambda d: d.restore()),
    ("nowhere", lambda d: d.raw_sql("insert into nowhere values (1)", [], write=True)),
    ("raw SQL", lambda d: d.raw_sql(5, [])),
]


def _migration(operation: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1.1.0", "description": "For a test", "operations": [operation]}


def _dropping() -> dict[str, Any]:
    return _migration({"action": "drop_table", "table": "patterns", "destructive": True})


def _adding() -> dict[str, Any]:
    return _migration({"action": "add_index", "table": "nowhere", "columns": ["zone"]})


def _with_extra() -> dict[str, Any]:
    columns = TABLES["alarms"]["columns"] | {"extra": {"type": "string", "nullable": True}}
    return TABLES | {"alarms": TABLES["alarms"] | {"columns": columns}}


_FILTERED: list[tuple[str, Call]] = [
    (named, lambda d, filters=filters: d.query("alarms", filters)) for filters, named in FILTERS
]


@pytest.mark.parametrize(("named", "call"), [*_FILTERED, *READS, *WRITES, *TABLES_WRONG])
async def test_an_error_names_the_thing_and_says_what_to_do(data: TenantDataConnector, named: str, call: Call):
    before = await data.query("alarms")

    with pytest.raises(GoldlayerError) as caught:
        await call(data)

    error = caught.value
    assert isinstance(error, TerminalError)
    assert named in str(error)
    assert error.expected or error.next_step, f"says neither what would be right nor what to do: {error}"
    assert await data.query("alarms") == before
