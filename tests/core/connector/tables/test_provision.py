from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from core.connector.tables.ledger import SQL
from core.errors import DeniedError, InputError, NotFoundError

if TYPE_CHECKING:
    from tests.core.connector.tables.conftest import Open

pytestmark = pytest.mark.integration
STRING = {"type": "string"}
PUMPS: dict[str, Any] = {
    "pumps": {
        "columns": {
            "code": {"type": "string", "pattern": "^P-[0-9]+$", "max_length": 8},
            "state": {"type": "string", "enum": ["idle", "it's running"], "default": "idle"},
            "power": {"type": "decimal", "precision": 8, "scale": 2, "min": 0, "max": 5000, "nullable": True},
            "tags": {"type": "string", "array": True, "default": ["new", "it's"], "indexed": True},
            "notes": {"type": "string", "nullable": True},
            "extra": {"type": "json", "nullable": True, "indexed": True},
            "installed_on": {"type": "date"},
            "removed_on": {"type": "date", "nullable": True},
        },
        "unique": [["code"]],
        "indexes": [
            {"columns": ["state", "installed_on"]},
            {"columns": ["notes"], "search": True},
            {"columns": ["power"], "unique": True, "where": {"removed_on": None, "state": "idle"}},
        ],
        "checks": {"removed_later": "removed_on >= installed_on"},
    }
}


def pump(**values: object) -> dict[str, object]:
    return {"code": "P-1", "installed_on": "2026-01-01"} | values


async def test_tables_are_made_once_grow_and_keep_their_rows(open_schema: Open):
    data = await open_schema("growing")
    first = {"t": {"columns": {"a": {"type": "string", "enum": ["x", "it's"], "default": "it's"}}}}
    assert await data.provision_tables(first) == ["t"]
    assert await data.provision_tables(first) == []
    await data.insert("t", {"a": "x"})

    grown = {"t": {"columns": {**first["t"]["columns"], "b": {"type": "float", "default": 0.5, "indexed": True}}}}
    assert await data.provision_tables(grown) == ["t"]

    row = (await data.query("t"))[0]
    assert (row["a"], row["b"]) == ("x", 0.5)
    assert (await data.insert("t", {"b": 1}))["a"] == "it's"
    assert [index.name for index in (await data.get_schema("t")).indexes] == ["t_b_idx"]


async def test_everything_declared_is_there_and_holds(open_schema: Open):
    data = await open_schema("declared")
    await data.provision_tables(PUMPS)
    stored = await data.insert("pumps", pump())

    assert (stored["state"], stored["tags"]) == ("idle", ["new", "it's"])
    shape = await data.get_schema("pumps")
    names = {one.name for one in (*shape.constraints, *shape.indexes)}
    assert {"pumps_code_check", "pumps_removed_later_check", "pumps_code_key", "pumps_notes_search_idx"} <= names
    for wrong, constraint in (
        (pump(code="Q-1"), "pumps_code_check"),
        (pump(code="P-12345678"), "pumps_code_check"),
        (pump(code="P-2", state="broken"), "pumps_state_check"),
        (pump(code="P-2", power=-1), "pumps_power_check"),
        (pump(code="P-2", power="5000.01"), "pumps_power_check"),
        (pump(code="P-2", removed_on="2025-12-31"), "pumps_removed_later_check"),
        (pump(), "pumps_code_key"),
    ):
        with pytest.raises(InputError, match=constraint):
            await data.insert("pumps", wrong)


async def test_a_contradiction_makes_nothing_at_all(open_schema: Open):
    data = await open_schema("contradicting")
    await data.provision_tables({"kept": {"columns": {"a": STRING}}})

    for column in (
        {"a": {"type": "integer"}},
        {"a": STRING, "b": STRING},
        {"a": {"type": "string", "nullable": True}},
        {"a": {"type": "string", "enum": ["x"]}},
        {"a": {"type": "string", "default": "x"}},
    ):
        with pytest.raises(InputError) as refused:
            await data.provision_tables({"never": {"columns": column}, "kept": {"columns": column}})
        assert "contradicting" in str(refused.value)

    assert "never" not in await data.tables()


async def test_a_lost_table_is_made_again(open_schema: Open):
    data = await open_schema("losing")
    tables = {"one": {"columns": {"a": STRING}}, "two": {"columns": {"a": STRING}}}
    await data.provision_tables(tables, version="1.0.0")
    await data._database.execute("drop table losing.two")

    assert await data.provision_tables(tables, version="1.0.0") == ["two"]


async def test_tables_of_another_version_are_left_to_migrations(open_schema: Open):
    data = await open_schema("versioned")
    tables = {"t": {"columns": {"a": STRING}}}
    await data.provision_tables(tables, version="1.2.0")

    with pytest.raises(InputError, match="platform modules migrate"):
        await data.provision_tables(tables, version="1.10.0")
    with pytest.raises(InputError, match="newer than the module"):
        await data.provision_tables(tables, version="1.1.9")


async def test_what_is_put_aside_is_out_of_reach_and_comes_back_whole(open_schema: Open):
    data = await open_schema("leaving")
    await data.provision_tables(PUMPS, version="1.0.0")
    stored = await data.insert("pumps", pump())
    before = await data.get_schema("pumps")

    aside = await data.archive()

    assert aside.startswith("archive_leaving_")
    with pytest.raises(InputError, match="no such table"):
        await data.query("pumps")
    with pytest.raises(InputError, match="does not exist"):
        await data.raw_sql("select * from pumps", [])
    with pytest.raises(DeniedError):
        await data.raw_sql(f"select * from {aside}.pumps", [])  # pyright: ignore[reportArgumentType]  the name is new
    with pytest.raises(NotFoundError):
        await data.archive()

    assert await data.restore() == "1.0.0"

    assert await data.query("pumps") == [stored]
    assert await data.raw_sql("select code from pumps", []) == [{"code": "P-1"}]
    assert await data.get_schema("pumps") == before
    with pytest.raises(NotFoundError, match="put aside"):
        await data.restore()


async def test_an_archive_survives_a_fresh_start_and_is_not_mixed_with_it(open_schema: Open):
    data = await open_schema("returning")
    tables = {"t": {"columns": {"a": STRING}}}
    await data.provision_tables(tables, version="1.0.0")
    await data.insert("t", {"a": "old"})
    first = await data.archive()
    await data.provision_tables(tables, version="1.0.0")
    assert await data.query("t") == []

    with pytest.raises(InputError, match="has tables again"):
        await data.restore()
    await data.insert("t", {"a": "new"})
    second = await data.archive()
    await data.restore()

    assert [row["a"] for row in await data.query("t")] == ["new"]
    assert second > first
    kept = await data._database.fetchval(f"select a from {first}.t")
    assert kept == "old"


async def test_provisioning_at_once_from_many_places_happens_once(open_schema: Open):
    import asyncio

    connectors = [await open_schema("crowded") for _ in range(4)]
    made = await asyncio.gather(*(one.provision_tables(PUMPS, version="1.0.0") for one in connectors))

    assert sorted(made) == [[], [], [], ["pumps"]]


async def test_the_record_says_what_stands(open_schema: Open):
    data = await open_schema("recorded")
    await data.provision_tables(PUMPS, version="3.1.4")

    row = await data._database.fetchrow(SQL["find"], "recorded")

    assert row is not None
    assert row["version"] == "3.1.4"
    assert row["tables"]["pumps"]["checks"] == PUMPS["pumps"]["checks"]
    assert (await data._database.fetchval("select max(changed_at) from platform.module_tables")) <= datetime.now(UTC)
