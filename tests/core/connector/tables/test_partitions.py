from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from core.connector.tables.declaration import read_tables
from core.connector.tables.partitions import Maintained, maintain, period_of, periods_ahead

if TYPE_CHECKING:
    from core.connector import TenantDataConnector
    from tests.core.connector.tables.conftest import Open

MONTHLY: dict[str, Any] = {
    "readings": {
        "columns": {
            "machine": {"type": "string", "indexed": True},
            "value": {"type": "float", "min": 0},
            "ts": {"type": "timestamp"},
        },
        "unique": [["machine", "ts"]],
        "partition_by": "ts",
        "retention_days": 60,
    }
}
DAILY: dict[str, Any] = {
    "counts": {
        "columns": {"day": {"type": "date"}, "n": {"type": "integer"}},
        "partition_by": "day",
        "partition_every": "day",
        "retention_days": 3,
    }
}
_NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


def test_periods_follow_the_calendar():
    assert period_of(date(2024, 2, 29), "month") == (date(2024, 2, 1), date(2024, 3, 1))
    assert period_of(date(2026, 12, 31), "day") == (date(2026, 12, 31), date(2027, 1, 1))
    assert [start for start, _ in periods_ahead(date(2026, 11, 21), "month")] == [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
    ]
    assert len(periods_ahead(date(2026, 12, 28), "day")) == 8


async def maintained(data: TenantDataConnector, tables: dict[str, Any], now: datetime) -> Maintained:
    async with data._database.transaction() as transaction:
        return await maintain(transaction, data._schema, read_tables(tables), now=now)


async def partitions(data: TenantDataConnector, table: str) -> dict[str, int]:
    rows = await data._database.fetch(
        "select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = to_regclass($1)",
        f"{data._schema}.{table}",
    )
    names = sorted(row["name"] for row in rows)
    return {name: await data._database.fetchval(f"select count(*) from {data._schema}.{name}") for name in names}


@pytest.mark.integration
async def test_rows_find_their_partition_also_those_that_came_too_early_or_late(open_schema: Open):
    data = await open_schema("parted")
    await data.provision_tables(MONTHLY)
    moments = ["2026-10-05T00:00Z", "2026-11-30T23:59:59Z", "2026-12-01T00:00Z", "2027-06-01T00:00Z", "2020-01-01T00Z"]
    await data.insert("readings", [{"machine": "m", "value": 1.0, "ts": moment} for moment in moments])

    first = await maintained(data, MONTHLY, _NOW)
    again = await maintained(data, MONTHLY, _NOW)

    assert set(first.made) >= {"readings_p2026_10", "readings_p2027_06"} - set(await partitions(data, "x"))
    assert first.expired == 1
    assert again == Maintained()
    there = await partitions(data, "readings")
    assert {name: n for name, n in there.items() if n} == {
        "readings_p2026_10": 1,
        "readings_p2026_11": 1,
        "readings_p2026_12": 1,
        "readings_p2027_06": 1,
    }
    assert there["readings_default"] == 0
    assert len(await data.query("readings")) == 4
    assert await data.tables() == ["readings"]


@pytest.mark.integration
async def test_partitions_older_than_the_table_keeps_are_dropped_and_no_younger_one(open_schema: Open):
    data = await open_schema("expiring")
    await data.provision_tables(MONTHLY)
    await data.copy_in(
        "readings",
        ({"machine": "m", "value": 1.0, "ts": datetime(2026, month, 15, tzinfo=UTC)} for month in range(6, 11)),
    )
    await maintained(data, MONTHLY | {"readings": MONTHLY["readings"] | {"retention_days": 365}}, _NOW)

    done = await maintained(data, MONTHLY, _NOW)

    # Sixty days before 21 November is 22 September: that month is still needed.
    assert done.dropped == ("readings_p2026_06", "readings_p2026_07", "readings_p2026_08")
    assert [row["ts"].month for row in await data.query("readings", order_by="ts")] == [9, 10]


@pytest.mark.integration
async def test_a_partitioned_table_works_like_any_other(open_schema: Open):
    data = await open_schema("usual")
    await data.provision_tables(MONTHLY)
    row = {"machine": "m", "value": 1.0, "ts": datetime.now(UTC)}
    await data.insert("readings", row)
    changed = await data.upsert("readings", [row | {"value": 2.0}], key=["machine", "ts"])
    await data.update("readings", {"machine": "m"}, {"value": 3.0})
    gone = await data.delete("readings", {"machine": "m"})
    back = await data.undelete("readings", {"machine": "m"})

    assert [changed[0]["value"], gone[0]["value"], back[0]["is_deleted"]] == [2.0, 3.0, False]
    assert await data.aggregate("readings", metrics=["count(*)"]) == [{"count": 1}]
    assert await data.raw_sql("select machine from readings", []) == [{"machine": "m"}]


@pytest.mark.integration
async def test_days_are_cut_and_dropped_by_the_day(open_schema: Open):
    data = await open_schema("daily")
    await data.provision_tables(DAILY)
    await data.insert("counts", [{"day": date(2026, 11, day), "n": day} for day in range(15, 22)])

    done = await maintained(data, DAILY, _NOW)

    assert done.expired == 3
    assert [row["n"] for row in await data.query("counts", order_by="day")] == [18, 19, 20, 21]
    assert (await partitions(data, "counts"))["counts_p2026_11_18"] == 1
    later = await maintained(data, DAILY, datetime(2026, 11, 23, tzinfo=UTC))
    assert "counts_p2026_11_18" in later.dropped
    assert "counts_p2026_11_19" in later.dropped


@pytest.mark.integration
async def test_vectors_and_words_are_found_across_partitions(open_schema: Open):
    data = await open_schema("searched")
    columns = {
        "words": {"type": "string"},
        "at": {"type": "timestamp"},
        "embedding": {"type": "vector", "dimensions": 2, "indexed": True},
    }
    form = {"columns": columns, "partition_by": "at", "indexes": [{"columns": ["words"], "search": True}]}
    await data.provision_tables({"memories": form})
    moments = [datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11)]
    await data.insert(
        "memories",
        [{"words": f"bearing {n}", "at": at, "embedding": [1.0, n]} for n, at in enumerate(moments)],
    )
    await maintained(data, {"memories": form}, _NOW)

    near = await data.vector_search("memories", [1, 2], 2, time_range={"column": "at", "start": moments[1]})
    assert [row["words"] for row in near] == ["bearing 2", "bearing 1"]
    assert len(await data.query("memories", {"words": {"matches": "bearing -1"}})) == 2
