"""Large results, many rows at once, several operations together."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.errors import DeniedError, GoldlayerError, InputError, TerminalError
from core.tenancy import Tenancy

pytestmark = pytest.mark.integration
TABLES: dict[str, Any] = {
    "readings": {
        "columns": {
            "n": {"type": "integer", "primary_key": True},
            "words": {"type": "string", "default": "w"},
            "extra": {"type": "json", "nullable": True},
        }
    },
    "totals": {"columns": {"name": {"type": "string"}, "n": {"type": "integer"}}, "unique": [["name"]]},
}


@pytest.fixture
async def data(tenancy: Tenancy) -> TenantDataConnector:
    scope = await tenancy.create("plenty-co", "Plenty", actor=Actor.command("test"))
    connector = await connector_for(tenancy, scope, schema="plenty")
    await connector.provision_tables(TABLES)
    await connector.raw_sql("delete from readings", [], write=True)
    await connector.raw_sql("delete from totals", [], write=True)
    return connector


async def arriving(first: int, count: int) -> AsyncIterator[dict[str, object]]:
    for n in range(first, first + count):
        yield {"n": n, "extra": {"n": n}}


async def test_many_rows_are_copied_in_and_streamed_out_a_few_at_a_time(data: TenantDataConnector):
    count = 60_000
    tracemalloc.start()
    assert await data.copy_in("readings", arriving(0, count)) == count
    _, copying = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    seen = [row["n"] async for row in data.stream("readings", order_by="n desc", columns=["n", "extra"])]
    _, streaming = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert seen == list(range(count - 1, -1, -1))
    with pytest.raises(InputError, match="stream"):
        await data.query("readings")
    # All rows as dicts would be some 30 MB: at a time there were a thousand, and the list of numbers.
    assert max(copying, streaming) < 12_000_000


async def test_a_stream_that_is_left_early_gives_its_connection_back(data: TenantDataConnector):
    await data.copy_in("readings", arriving(0, 5_000))

    for _ in range(25):
        async with aclosing(data.stream("readings", {"n": {"gte": 10}}, order_by="n")) as rows:
            async for row in rows:
                assert row["n"] == 10
                break

    assert await data.aggregate("readings", metrics=["count(*)"]) == [{"count": 5_000}]


async def test_a_stream_says_what_is_wrong_when_it_is_first_read(data: TenantDataConnector):
    for stream in (
        data.stream("nothing"),
        data.stream("readings", {"nothing": 1}),
        data.stream("readings", order_by="nothing"),
    ):
        with pytest.raises(InputError, match=r"readings|n, words, extra"):
            await anext(stream)


async def test_copying_is_all_or_none_and_names_the_row(data: TenantDataConnector):
    for rows, says in (
        ([{"n": 1}, {"n": "two"}], "a whole number"),
        ([{"n": 1}, {"words": "x"}], "row 1 has other columns"),
        ([{"n": 1}, {"n": 1}], "duplicate key"),
        ([{"nothing": 1}], "no such column"),
        ([{}], "mappings from column to value"),
        (["text"], "mappings from column to value"),
    ):
        with pytest.raises(GoldlayerError, match=says):
            await data.copy_in("readings", rows)  # pyright: ignore[reportArgumentType]  wrong on purpose

    assert await data.query("readings") == []
    assert await data.copy_in("readings", []) == 0


async def test_operations_of_a_transaction_are_stored_together(data: TenantDataConnector):
    async with data.transaction() as work:
        await work.insert("readings", [{"n": 1}, {"n": 2}])
        await work.copy_in("readings", arriving(3, 2))
        await work.upsert("totals", [{"name": "all", "n": 4}], key=["name"])
        await work.update("readings", {"n": 2}, {"words": "changed"})
        await work.delete("readings", {"n": 1})
        await work.raw_sql("update readings set words = $1 where n = $2", ["raw", 3], write=True)
        assert await work.aggregate("readings", metrics=["count(*)"]) == [{"count": 3}]
        assert await data.query("readings") == []

    assert [(row["n"], row["words"]) for row in await data.query("readings", order_by="n")] == [
        (2, "changed"),
        (3, "raw"),
        (4, "w"),
    ]


async def test_an_error_that_leaves_the_block_undoes_everything(data: TenantDataConnector):
    class Broken(Exception):
        pass

    with pytest.raises(Broken):
        async with data.transaction() as work:
            await work.insert("readings", {"n": 1})
            await work.copy_in("totals", [{"name": "x", "n": 1}])
            raise Broken

    assert (await data.query("readings"), await data.query("totals")) == ([], [])


async def test_an_operation_that_failed_and_was_swallowed_is_not_taken_for_stored(data: TenantDataConnector):
    with pytest.raises(TerminalError, match="nothing of this transaction was stored"):
        async with data.transaction() as work:
            await work.insert("readings", {"n": 1})
            with pytest.raises(InputError):
                await work.insert("readings", {"n": 1})

    assert await data.query("readings") == []


async def test_what_was_refused_before_it_reached_the_server_spoils_nothing(data: TenantDataConnector):
    async with data.transaction() as work:
        await work.insert("readings", {"n": 1})
        with pytest.raises(InputError):
            await work.query("readings", {"nothing": 1})
        with pytest.raises(DeniedError):
            await work.raw_sql("with gone as (delete from readings returning 1) select * from gone", [])

    assert [row["n"] for row in await data.query("readings")] == [1]


async def test_deleted_rows_come_back_and_others_are_left_alone(data: TenantDataConnector):
    await data.insert("readings", [{"n": n} for n in range(4)])
    await data.delete("readings", {"n": {"in": [1, 2]}})

    assert await data.delete("readings", {"n": 1}) == []
    back = await data.undelete("readings", {"n": {"lte": 1}})

    assert [(row["n"], row["is_deleted"]) for row in back] == [(1, False)]
    assert sorted(row["n"] for row in await data.query("readings")) == [0, 1, 3]
    for filters in ({}, {"is_deleted": True, "n": 2}):
        with pytest.raises(InputError):
            await data.undelete("readings", filters)
