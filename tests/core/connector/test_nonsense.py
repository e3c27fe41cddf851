"""Nonsense handed to the connector: always an error of ours that says what was expected, never a mishap."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.errors import InputError
from core.tenancy import Tenancy

pytestmark = pytest.mark.integration
_TABLES: dict[str, dict[str, Any]] = {
    "odd": {
        "columns": {
            "code": {"type": "string"},
            "n": {"type": "integer", "nullable": True},
            "v": {"type": "float", "nullable": True},
            "u": {"type": "uuid", "nullable": True},
            "ts": {"type": "timestamp", "nullable": True},
            "j": {"type": "json", "nullable": True},
            "tags": {"type": "string", "array": True, "nullable": True},
            "e": {"type": "vector", "dimensions": 3, "nullable": True},
        },
        "unique": [["code"], ["tags"]],
    }
}
_Call = Callable[[TenantDataConnector], Awaitable[Any]]
_NOT_JSON = {"at": datetime(2026, 1, 1, tzinfo=UTC)}
_ENDS: tuple[datetime | str, ...] = ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59")
_CALLS: dict[str, _Call] = {
    **{f"filters {odd!r}": lambda data, odd=odd: data.query("odd", odd) for odd in ([1], "x", 5)},
    **{f"order by {odd!r}": lambda data, odd=odd: data.query("odd", order_by=odd) for odd in (5, [5], [None])},
    **{f"columns {odd!r}": lambda data, odd=odd: data.query("odd", columns=odd) for odd in (5, "code", [5])},
    **{f"window {odd!r}": lambda data, odd=odd: data.query("odd", time_range=odd) for odd in (5, "ts", [])},
    **{f"metrics {odd!r}": lambda data, odd=odd: data.aggregate("odd", metrics=odd) for odd in (5, "n", [], [5])},
    **{
        f"groups {odd!r}": lambda data, odd=odd: data.aggregate("odd", metrics=["count(*)"], group_by=odd)
        for odd in (5, None, "code")
    },
    "bucket": lambda data: data.aggregate("odd", metrics=["count(*)"], bucket=5),
    **{f"key {odd!r}": lambda data, odd=odd: data.upsert("odd", [{"code": "a"}], odd) for odd in (5, None, "code")},
    "change": lambda data: data.update("odd", {"code": "a"}, 5),
    "change by": lambda data: data.update("odd", 5, {"n": 1}),
    **{
        f"vector {odd!r}": lambda data, odd=odd: data.vector_search("odd", odd)
        for odd in (None, "123", 5, [1e39, 0, 0])
    },
    **{
        f"value {name}={odd!r}"[:60]: lambda data, name=name, odd=odd: data.insert("odd", {"code": "a", name: odd})
        for name, several in {
            "n": (2**63, -(2**200), 1.5),
            "v": ([1], {}, 10**400),
            "u": (5,),
            "ts": _ENDS,
            "j": (_NOT_JSON, {"x": math.nan}, {1, 2}),
            "e": ("123", [1e39, 0, 0]),
        }.items()
        for odd in several
    },
    "several with what is not JSON": lambda data: data.insert("odd", [{"code": c, "j": _NOT_JSON} for c in "ab"]),
    "half a character": lambda data: data.insert("odd", {"code": "\ud800"}),
    "copied half a character": lambda data: data.copy_in("odd", [{"code": "\ud800"}]),
    "copied what is not JSON": lambda data: data.copy_in("odd", [{"code": "a", "j": _NOT_JSON}]),
    "copied too large": lambda data: data.copy_in("odd", [{"code": "a", "n": 2**90}]),
    "copied none": lambda data: data.copy_in("odd", [None, {"code": "a"}]),
    "copied number": lambda data: data.copy_in("odd", 5),
    "zero byte in SQL": lambda data: data.raw_sql("select '\0', $1", []),
}


@pytest.fixture
async def data(tenancy: Tenancy) -> TenantDataConnector:
    scope = await tenancy.create("nonsense-co", "Nonsense", actor=Actor.command("test"))
    connector = await connector_for(tenancy, scope, schema="odd_desk")
    await connector.provision_tables(_TABLES)
    return connector


@pytest.mark.parametrize("name", _CALLS)
async def test_nonsense_is_an_error_that_says_what_was_expected(data: TenantDataConnector, name: str):
    with pytest.raises(InputError) as refused:
        await _CALLS[name](data)

    assert len(str(refused.value)) < 1_000 and "\n" not in str(refused.value)
    assert await data.query("odd") == []


async def test_a_key_may_be_a_list(data: TenantDataConnector):
    rows = [{"code": "a", "tags": ["x", "y"]}, {"code": "b", "tags": ["z"]}]
    await data.upsert("odd", rows, ["tags"])
    with pytest.raises(InputError, match="occurs twice"):
        await data.upsert("odd", [{"code": c, "tags": ["q"]} for c in "cd"], ["tags"])

    assert {row["code"] for row in await data.upsert("odd", rows, ["tags"])} == {"a", "b"}
    await data.raw_sql("delete from odd", [], write=True)


async def test_what_an_iterator_of_the_module_itself_raises_stays_what_it_is(data: TenantDataConnector):
    def rows() -> Iterator[dict[str, object]]:
        yield {"code": "a"}
        raise LookupError("the module's own")

    with pytest.raises(LookupError):
        await data.copy_in("odd", rows())
    assert await data.query("odd") == []
