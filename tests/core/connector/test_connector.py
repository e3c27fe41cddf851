from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.connector.columns import Kind
from core.db import Database
from core.errors import DeniedError, InputError, TerminalError
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration
_NOW = datetime.now(UTC).replace(microsecond=0)
TABLES: dict[str, dict[str, Any]] = {
    "alarms": {
        "columns": {
            "zone": {"type": "string", "indexed": True},
            "severity": {"type": "string", "enum": ["info", "warning", "critical"], "default": "info"},
            "code": {"type": "integer"},
            "value": {"type": "float", "nullable": True},
            "acknowledged": {"type": "boolean", "default": False},
            "raised_at": {"type": "timestamp", "indexed": True},
            "day": {"type": "date", "nullable": True},
            "details": {"type": "json", "nullable": True},
        },
        "unique": [["zone", "code"]],
    },
    "patterns": {
        "columns": {
            "id": {"type": "uuid", "primary_key": True},
            "words": {"type": "string"},
            "embedding": {"type": "vector", "dimensions": 3, "indexed": True},
        }
    },
}


@pytest.fixture
async def data(tenancy: Tenancy) -> TenantDataConnector:
    scope = await tenancy.create("connected-co", "Connected", actor=_ACTOR)
    connector = await connector_for(tenancy, scope, schema="alarm_desk")
    await connector.provision_tables(TABLES)
    await connector.raw_sql("delete from alarms", [], write=True)
    await connector.raw_sql("delete from patterns", [], write=True)
    return connector


def alarm(code: int, **values: object) -> dict[str, object]:
    return {"zone": "A", "code": code, "raised_at": _NOW - timedelta(hours=code), "value": code / 2} | values


async def test_a_row_comes_back_as_it_was_stored(data: TenantDataConnector):
    details = {"list": [1, None, "ü"], "flag": True}
    row = await data.insert("alarms", alarm(1, details=details, day="2026-01-31"))

    assert isinstance(row["id"], UUID)
    assert (row["severity"], row["acknowledged"], row["is_deleted"]) == ("info", False, False)
    assert (row["details"], row["day"], row["created_at"].tzinfo is not None) == (details, date(2026, 1, 31), True)
    assert await data.query("alarms") == [row]


async def test_many_rows_come_back_in_order_and_none_is_stored_if_one_is_wrong(data: TenantDataConnector):
    details = [{"n": [n, n + 1]} for n in range(3)]
    stored = await data.insert("alarms", [alarm(n, details=details[n]) for n in range(3)])
    assert [row["code"] for row in stored] == [0, 1, 2]
    assert [row["details"] for row in stored] == details

    with pytest.raises(InputError, match="alarms_severity_check"):
        await data.insert("alarms", [alarm(8, severity="info"), alarm(9, severity="odd")])
    with pytest.raises(InputError, match="row 1 has other columns"):
        await data.insert("alarms", [alarm(8), alarm(9, severity="info")])

    assert len(await data.query("alarms")) == 3


async def test_more_rows_than_one_statement_takes_are_all_or_none(data: TenantDataConnector):
    rows = [alarm(n) for n in range(12_000)]
    with pytest.raises(InputError):
        await data.insert("alarms", [*rows, alarm(0)])
    assert await data.query("alarms", limit=1) == []

    stored = await data.upsert("alarms", rows, key=["zone", "code"])

    assert (len(stored), stored[-1]["code"]) == (12_000, 11_999)


@pytest.mark.parametrize(
    ("filters", "codes"),
    [
        ({"code": 2}, [2]),
        ({"code": {"gte": 2, "lt": 4}}, [2, 3]),
        ({"code": {"in": [1, 4, 99]}}, [1, 4]),
        ({"code": {"not_in": [1, 4]}}, [2, 3]),
        ({"code": {"in": []}}, []),
        ({"code": {"ne": 1}, "zone": "A"}, [2, 3, 4]),
        ({"zone": {"contains": "%"}}, []),
        ({"zone": {"starts_with": "A"}}, [1, 2, 3, 4]),
        ({"day": None}, [1, 2, 3]),
        ({"day": {"is_null": False}}, [4]),
        ({"raised_at": {"gt": (_NOW - timedelta(hours=2)).isoformat()}}, [1]),
        ({"acknowledged": True}, []),
    ],
)
async def test_filters(data: TenantDataConnector, filters: dict[str, Any], codes: list[int]):
    await data.insert("alarms", [alarm(n, day=date(2026, 1, 1) if n == 4 else None) for n in range(1, 5)])

    assert [row["code"] for row in await data.query("alarms", filters, order_by="code")] == codes


async def test_windows_order_limit_and_columns(data: TenantDataConnector):
    await data.insert("alarms", [alarm(n) for n in range(1, 30)])

    recent = await data.query("alarms", time_range={"column": "raised_at", "last_hours": 3.5}, order_by="code desc")
    days = await data.query("alarms", time_range={"column": "raised_at", "last_days": 1}, columns=["code"])
    between = await data.query(
        "alarms",
        time_range={"column": "raised_at", "start": _NOW - timedelta(hours=5), "end": _NOW - timedelta(hours=3)},
        order_by=["zone", "code ASC"],
        limit=1,
    )

    assert [row["code"] for row in recent] == [3, 2, 1]
    assert days == [{"code": n} for n in range(1, 24)]
    assert [row["code"] for row in between] == [4]


async def test_upsert_changes_what_is_there_and_brings_deleted_rows_back(data: TenantDataConnector):
    first = await data.insert("alarms", alarm(1))
    await data.delete("alarms", {"code": 1})

    rows = await data.upsert("alarms", [alarm(1, value=9.0), alarm(2)], key=["zone", "code"])

    assert [(row["id"] == first["id"], row["value"], row["is_deleted"]) for row in rows] == [
        (True, 9.0, False),
        (False, 1.0, False),
    ]
    assert rows[0]["updated_at"] >= first["updated_at"]
    with pytest.raises(InputError, match="no unique key"):
        await data.upsert("alarms", [alarm(1)], key=["zone"])
    with pytest.raises(InputError, match="twice"):
        await data.upsert("alarms", [alarm(1), alarm(1)], key=["code", "zone"])


async def test_update_and_delete_need_a_filter_and_deleted_rows_stay_findable(data: TenantDataConnector):
    await data.insert("alarms", [alarm(1), alarm(2)])

    changed = await data.update("alarms", {"code": 1}, {"acknowledged": True})
    gone = await data.delete("alarms", {"code": {"gte": 2}})

    assert [row["acknowledged"] for row in changed] == [True]
    assert [row["code"] for row in gone] == [2]
    assert [row["code"] for row in await data.query("alarms")] == [1]
    assert [row["code"] for row in await data.query("alarms", {"is_deleted": True})] == [2]
    for call in (data.update("alarms", {}, {"acknowledged": True}), data.delete("alarms", {})):
        with pytest.raises(InputError, match="needs a filter"):
            await call


async def test_aggregates(data: TenantDataConnector):
    await data.insert("alarms", [alarm(n, zone="AB"[n % 2]) for n in range(1, 6)])

    groups = await data.aggregate(
        "alarms", group_by=["zone"], metrics=["count(*)", "avg(value)", "sum(code)", "max(raised_at)"], order_by="zone"
    )
    total = await data.aggregate("alarms", metrics=["count(*)", "min(code)"], filters={"code": {"gt": 2}})

    assert [(g["zone"], g["count"], g["avg_value"], g["sum_code"]) for g in groups] == [
        ("A", 2, 1.5, 6),
        ("B", 3, 1.5, 9),
    ]
    assert groups[0]["max_raised_at"] == _NOW - timedelta(hours=2)
    assert total == [{"count": 3, "min_code": 3}]


async def test_the_nearest_vectors_come_first(data: TenantDataConnector):
    await data.insert(
        "patterns",
        [{"words": w, "embedding": v} for w, v in (("x", [1, 0, 0]), ("y", [0, 1, 0]), ("xy", [1, 1, 0]))],
    )

    found = await data.vector_search("patterns", [2.0, 0.1, 0.0], top_k=2)
    filtered = await data.vector_search("patterns", [1, 0, 0], filters={"words": {"ne": "x"}})

    assert [row["words"] for row in found] == ["x", "xy"]
    assert found[0]["similarity"] == pytest.approx(1 - found[0]["distance"])
    assert "embedding" not in found[0]
    assert [(row["words"], round(row["distance"], 6)) for row in filtered] == [("xy", 0.292893), ("y", 1.0)]
    assert (await data.query("patterns", {"words": "xy"}))[0]["embedding"] == [1.0, 1.0, 0.0]
    for wrong in ([1.0, 2.0], [float("nan"), 0, 0], "abc"):
        with pytest.raises(InputError, match="3 finite numbers"):
            await data.vector_search("patterns", wrong)  # pyright: ignore[reportArgumentType]  what a model may send
    with pytest.raises(InputError, match="no such vector column"):
        await data.vector_search("alarms", [1.0])


async def test_an_index_on_vectors_does_not_hide_rows_behind_a_filter(tenancy: Tenancy, prepared: Installation):
    scope = await tenancy.create("indexed-co", "Indexed", actor=_ACTOR)
    async with await Database.open(prepared.postgres.dsn("t_indexed_co")) as superuser:
        # So few rows would be scanned; a tenant with many has the index used.
        await superuser.execute("alter database t_indexed_co set enable_seqscan = off")
    data = await connector_for(tenancy, scope, schema="alarm_desk")
    await data.provision_tables({"patterns": TABLES["patterns"]})
    noise = random.Random(3)
    vectors = [[noise.gauss(0, 1) for _ in range(3)] for _ in range(2_000)]
    rows = [{"words": "rare" if n % 200 == 0 else "common", "embedding": vector} for n, vector in enumerate(vectors)]
    await data.insert("patterns", rows)

    found = await data.vector_search("patterns", [1, 0, 0], top_k=10, filters={"words": "rare"})

    assert [row["words"] for row in found] == ["rare"] * 10


async def test_raw_sql_takes_parameters_and_reads_only_unless_declared(data: TenantDataConnector):
    await data.insert("alarms", [alarm(1), alarm(2)])

    rows = await data.raw_sql("select code * $1::int as more from alarms order by code", [10])
    changed = await data.raw_sql("/* why /* not */ */ update alarms set value = $1 returning value", [7.0], write=True)

    assert (rows, changed) == ([{"more": 10}, {"more": 20}], [{"value": 7.0}] * 2)
    for sql, params in (
        ("update alarms set value = 1", []),
        ("select 1; select 2", []),
        ("select $1::int", []),
        ("select 1", [1]),
        ("select 1 from nowhere", []),
        ("selekt 1", []),
        ("", []),
    ):
        with pytest.raises(InputError):
            await data.raw_sql(sql, params)
    with pytest.raises(InputError):
        await data.raw_sql("select 1", "text")
    with pytest.raises(DeniedError):
        await data.raw_sql("with gone as (delete from alarms returning 1) select * from gone", [])
    assert len(await data.query("alarms")) == 2


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda d: d.query("alarm"), "alarms, patterns"),
        (lambda d: d.query("pg_catalog.pg_class"), "alarms, patterns"),
        (lambda d: d.query("alarms", {"zones": 1}), "zone, severity, code"),
        (lambda d: d.query("alarms", {"code": "two"}), "a whole number"),
        (lambda d: d.query("alarms", {"code": {"like": "x"}}), "eq, ne, lt"),
        (lambda d: d.query("alarms", {"code": {"contains": 1}}), "eq, ne, lt"),
        (lambda d: d.query("alarms", {"code": {}}), "eq, ne, lt"),
        (lambda d: d.query("alarms", {"code": {"in": "12"}}), "a list"),
        (lambda d: d.query("alarms", {"details": {"a": 1}}), "is_null"),
        (lambda d: d.query("alarms", {"raised_at": datetime(2026, 1, 1)}), "its zone"),
        (lambda d: d.query("alarms", limit=0), "1 to 50000"),
        (lambda d: d.query("alarms", limit=50_001), "1 to 50000"),
        (lambda d: d.query("alarms", limit=True), "1 to 50000"),
        (lambda d: d.query("alarms", order_by="zones"), "zone, severity, code"),
        (lambda d: d.query("alarms", order_by="code sideways"), "desc"),
        (lambda d: d.query("alarms", columns=["zones"]), "zone, severity, code"),
        (lambda d: d.query("alarms", time_range={"column": "code", "last_hours": 1}), "time column"),
        (lambda d: d.query("alarms", time_range={"column": "raised_at"}), "last_hours or last_days"),
        (lambda d: d.query("alarms", time_range={"column": "raised_at", "last_hours": -1}), "positive"),
        (lambda d: d.insert("alarms", []), "at least one row"),
        (lambda d: d.insert("alarms", {"zones": 1}), "zone, severity, code"),
        (lambda d: d.insert("alarms", {"zone": 5}), "a text"),
        (lambda d: d.insert("alarms", {"zone": "A"}), "null value in column"),
        (lambda d: d.insert("patterns", {"words": "w", "embedding": [1]}), "3 finite numbers"),
        (lambda d: d.aggregate("alarms", metrics=["mode(value)"]), "count_distinct, sum, avg"),
        (lambda d: d.aggregate("alarms", metrics=["avg(zone)"]), "a number"),
        (lambda d: d.aggregate("alarms", metrics=[]), "metric"),
        (lambda d: d.aggregate("alarms", metrics=["count(*)"], group_by=["zones"]), "zone, severity, code"),
        (lambda d: d.delete("kpi.nothing", {"a": 1}), "alarms, patterns"),
    ],
)
async def test_what_does_not_fit_is_named_with_the_choices(data: TenantDataConnector, call: Any, names: str):
    with pytest.raises(InputError) as refused:
        await call(data)

    assert names in str(refused.value)


async def test_a_module_reads_published_schemas_and_writes_only_its_own(tenancy: Tenancy, data: TenantDataConnector):
    scope = await tenancy.get("connected-co")
    await (await connector_for(tenancy, scope, schema="kpi")).provision_tables(
        {"kpi_daily": {"columns": {"kpi": {"type": "string"}, "value": {"type": "float"}}}}
    )
    await (await connector_for(tenancy, scope, schema="other_desk")).provision_tables(
        {"notes": {"columns": {"words": {"type": "string"}}}}
    )

    assert await data.query("kpi.kpi_daily") == []
    assert "kpi.kpi_daily" in await data.tables()
    with pytest.raises(InputError, match="can only be read"):
        await data.insert("kpi.kpi_daily", {"kpi": "oee", "value": 1.0})
    with pytest.raises(InputError, match="no such table"):
        await data.query("other_desk.notes")


async def test_the_schema_says_what_a_column_is(data: TenantDataConnector):
    alarms, patterns = await data.get_schema("alarms"), await data.get_schema("patterns")
    code = alarms.columns["code"]

    assert (code.kind, code.sql_type, code.nullable) == (Kind.INTEGER, "bigint", False)
    assert alarms.columns["id"].primary_key
    assert frozenset({"zone", "code"}) in alarms.keys
    assert any("severity" in one.definition for one in alarms.constraints)
    assert ["zone" in one.definition or "raised_at" in one.definition for one in alarms.indexes] == [True, True]
    assert patterns.columns["embedding"].dimensions == 3


async def test_too_many_rows_are_an_error_and_not_cut_off(data: TenantDataConnector, monkeypatch: pytest.MonkeyPatch):
    from core.connector import reading, verbs

    await data.insert("alarms", [alarm(n) for n in range(4)])
    monkeypatch.setattr(verbs, "MOST_ROWS", 3)
    monkeypatch.setattr(reading, "MOST_ROWS", 3)

    assert len(await data.query("alarms", limit=3)) == 3
    with pytest.raises(InputError, match="more than 3 rows"):
        await data.query("alarms")


async def test_a_transient_text_of_the_driver_is_not_needed_for_our_own_mistakes(data: TenantDataConnector):
    with pytest.raises(TerminalError):
        await data.raw_sql("select code / 0 from (values (1)) as t(code)", [])
