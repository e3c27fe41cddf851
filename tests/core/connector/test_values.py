"""What a value of each column type is in Python, on its way in and out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.errors import InputError
from core.tenancy import Tenancy

pytestmark = pytest.mark.integration
_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
_MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
_TYPES: dict[str, tuple[dict[str, Any], list[object], object, type]] = {
    "a_uuid": ({"type": "uuid"}, [_ID, UUID(_ID)], UUID(_ID), UUID),
    "a_string": ({"type": "string"}, ["Ünïcode ✓\n"], "Ünïcode ✓\n", str),
    "an_enum": ({"type": "string", "enum": ["a", "b"]}, ["b"], "b", str),
    "an_integer": ({"type": "integer"}, [-(2**62)], -(2**62), int),
    "a_float": ({"type": "float"}, [0.1], 0.1, float),
    "a_decimal": ({"type": "decimal"}, ["12345678901234567890.123456789"], None, Decimal),
    "money": (
        {"type": "decimal", "precision": 10, "scale": 2},
        [Decimal("0.1"), "0.10", 0.1],
        Decimal("0.10"),
        Decimal,
    ),
    "a_boolean": ({"type": "boolean"}, [True], True, bool),
    "a_timestamp": (
        {"type": "timestamp"},
        [_MOMENT, _MOMENT.isoformat(), _MOMENT.astimezone(timezone(timedelta(hours=5)))],
        _MOMENT,
        datetime,
    ),
    "a_date": ({"type": "date"}, [date(2026, 1, 31), "2026-01-31"], date(2026, 1, 31), date),
    "a_json": ({"type": "json"}, [{"list": [1, None, {"ü": 0.5}]}], {"list": [1, None, {"ü": 0.5}]}, dict),
    "a_vector": ({"type": "vector", "dimensions": 3}, [[1, 0.5, -2], (1, 0.5, -2)], [1.0, 0.5, -2.0], list),
    "strings": ({"type": "string", "array": True}, [["a", 'b,"c\\', ""]], ["a", 'b,"c\\', ""], list),
    "numbers": ({"type": "float", "array": True}, [[1, 2.5], []], None, list),
    "wholes": ({"type": "integer", "array": True}, [[3, 1, 2]], [3, 1, 2], list),
    "uuids": ({"type": "uuid", "array": True}, [[_ID]], [UUID(_ID)], list),
    "moments": ({"type": "timestamp", "array": True}, [[_MOMENT]], [_MOMENT], list),
    "flags": ({"type": "boolean", "array": True}, [[True, False]], [True, False], list),
    "days": ({"type": "date", "array": True}, [["2026-01-31"]], [date(2026, 1, 31)], list),
    "amounts": ({"type": "decimal", "array": True}, [["0.10"]], [Decimal("0.10")], list),
}


@pytest.fixture
async def data(tenancy: Tenancy) -> TenantDataConnector:
    scope = await tenancy.create("typed-co", "Typed", actor=Actor.command("test"))
    connector = await connector_for(tenancy, scope, schema="typed")
    columns = {name: form | {"nullable": True} for name, (form, *_) in _TYPES.items()}
    await connector.provision_tables({"everything": {"columns": columns}})
    await connector.raw_sql("delete from everything", [], write=True)
    return connector


@pytest.mark.parametrize("name", _TYPES)
async def test_a_value_comes_back_as_its_type_by_every_way_in(data: TenantDataConnector, name: str):
    _, given, wanted, kind = _TYPES[name]
    for value in given:
        expected = wanted if wanted is not None else (Decimal(value) if isinstance(value, str) else value)
        single = await data.insert("everything", {name: value})
        several = await data.insert("everything", [{name: value}, {name: None}])
        assert await data.copy_in("everything", [{name: value}, {name: None}]) == 2
        changed = await data.update("everything", {"id": single["id"]}, {name: value})
        key = {"id": [row["id"] for row in several]}
        upserted = await data.upsert("everything", [{"id": one, name: value} for one in key["id"]], key=["id"])
        stored = [single, several[0], *changed, *upserted, *await data.query("everything", {"id": single["id"]})]

        assert [row[name] for row in stored] == [expected] * len(stored)
        assert all(isinstance(row[name], kind) for row in stored)
        assert several[1][name] is None
        copied = await data.query("everything", {"id": {"not_in": [row["id"] for row in stored]}})
        assert [row[name] for row in copied if row[name] is not None][-1] == expected
        await data.raw_sql("delete from everything", [], write=True)


async def test_moments_carry_their_zone(data: TenantDataConnector):
    row = await data.insert("everything", {"a_timestamp": "2026-01-31T12:00:00+05:00"})

    assert row["a_timestamp"].utcoffset() == timedelta(0)
    assert row["a_timestamp"] == datetime(2026, 1, 31, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("a_uuid", "no", "a UUID"),
        ("a_string", 5, "a text without zero bytes"),
        ("a_string", "a\0b", "a text without zero bytes"),
        ("an_integer", 1.5, "a whole number"),
        ("an_integer", True, "a whole number"),
        ("a_float", "1", "a number"),
        ("a_decimal", "one", "a finite decimal number"),
        ("a_decimal", "NaN", "a finite decimal number"),
        ("a_decimal", True, "a finite decimal number"),
        ("a_boolean", 1, "true or false"),
        ("a_timestamp", "2026-01-31T12:00:00", "a date and time with its zone"),
        ("a_date", _MOMENT, "a date"),
        ("a_vector", [1, 2], "3 finite numbers"),
        ("a_vector", [1, 2, float("inf")], "3 finite numbers"),
        ("strings", "text", "a list, each a text without zero bytes"),
        ("strings", ["a", None], "a list, each a text without zero bytes"),
        ("wholes", [1, "2"], "a list, each a whole number"),
    ],
)
async def test_a_value_that_does_not_fit_is_named(data: TenantDataConnector, name: str, value: object, expected: str):
    for call in (
        data.insert("everything", {name: value}),
        data.insert("everything", [{name: value}] * 2),
        data.copy_in("everything", [{name: None}, {name: value}]),
        data.update("everything", {"id": _ID}, {name: value}),
    ):
        with pytest.raises(InputError) as refused:
            await call
        assert (refused.value.where, refused.value.expected) == ("typed.everything", expected)
        assert name in refused.value.what
    assert await data.query("everything") == []
