from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.connector.catalogue import read_tables_of
from core.connector.tables.migrations import pending, read_migrations
from core.errors import GoldlayerError, InputError, NotFoundError

if TYPE_CHECKING:
    from core.connector import TenantDataConnector
    from tests.core.connector.tables.conftest import Open

pytestmark = pytest.mark.integration
STRING = {"type": "string"}
FIRST: dict[str, Any] = {
    "alarms": {
        "columns": {
            "zone": {"type": "string", "indexed": True},
            "code": {"type": "integer"},
            "level": {"type": "integer"},
            "fahrenheit": {"type": "float", "nullable": True},
            "raised_at": {"type": "timestamp"},
            "cleared_at": {"type": "timestamp", "nullable": True},
            "remark": {"type": "string", "nullable": True},
        },
        "unique": [["zone", "code"]],
    },
    "scratch": {"columns": {"a": STRING}},
}
NEWEST: dict[str, Any] = {
    "alarms": {
        "columns": {
            "area": {"type": "string", "indexed": True, "enum": ["north", "south"]},
            "code": {"type": "string", "max_length": 12, "indexed": True},
            "severity": {"type": "string", "enum": ["info", "warning"]},
            "celsius": {"type": "float", "nullable": True},
            "raised_at": {"type": "timestamp"},
            "cleared_at": {"type": "timestamp", "nullable": True},
            "embedding": {"type": "vector", "dimensions": 3, "nullable": True, "indexed": True},
            "labels": {"type": "string", "array": True, "default": []},
        },
        "unique": [["area", "code"], ["area", "raised_at"]],
        "indexes": [
            {"columns": ["severity", "raised_at"]},
            {"columns": ["code"], "unique": True, "where": {"cleared_at": None, "severity": "warning"}},
        ],
        "checks": {"cleared_later": "cleared_at >= raised_at"},
    },
    "history": {
        "columns": {"at": {"type": "timestamp"}, "value": {"type": "float"}},
        "partition_by": "at",
        "retention_days": 30,
    },
}
MIGRATIONS: list[dict[str, Any]] = [
    {
        "version": "1.1.0",
        "description": "Severity in words",
        "operations": [
            {
                "action": "add_column",
                "table": "alarms",
                "column": "severity",
                "type": "string",
                "enum": ["info", "warning"],
                "nullable": True,
            },
            {
                "action": "transform",
                "table": "alarms",
                "column": "severity",
                "from": "level",
                "mapping": {"1": "info", "2": "warning"},
            },
            {"action": "transform", "table": "alarms", "column": "severity", "value": "info"},
            {
                "action": "alter_column",
                "table": "alarms",
                "column": "severity",
                "type": "string",
                "enum": ["info", "warning"],
            },
            {"action": "drop_column", "table": "alarms", "column": "level", "destructive": True},
        ],
    },
    {
        "version": "1.2.0",
        "description": "Areas, degrees Celsius, codes as text",
        "operations": [
            {"action": "rename_column", "table": "alarms", "column": "zone", "to": "area"},
            {
                "action": "alter_column",
                "table": "alarms",
                "column": "area",
                "type": "string",
                "indexed": True,
                "enum": ["north", "south"],
            },
            {
                "action": "alter_column",
                "table": "alarms",
                "column": "code",
                "type": "string",
                "max_length": 12,
                "indexed": True,
            },
            {"action": "add_column", "table": "alarms", "column": "celsius", "type": "float", "nullable": True},
            {
                "action": "transform",
                "table": "alarms",
                "column": "celsius",
                "from": "fahrenheit",
                "factor": 0.5,
                "offset": -16,
                "where": {"fahrenheit": {"gte": 0}},
            },
            {"action": "drop_column", "table": "alarms", "column": "fahrenheit", "destructive": True},
            {"action": "add_index", "table": "alarms", "columns": ["severity", "raised_at"]},
            {"action": "add_index", "table": "alarms", "columns": ["remark"], "search": True},
            {"action": "add_unique", "table": "alarms", "columns": ["area", "raised_at"]},
        ],
    },
    {
        "version": "2.0.0",
        "description": "History of its own, vectors, labels",
        "operations": [
            {"action": "create_table", "table": "history", **NEWEST["history"]},
            {
                "action": "add_column",
                "table": "alarms",
                "column": "embedding",
                "type": "vector",
                "dimensions": 3,
                "nullable": True,
                "indexed": True,
            },
            {
                "action": "add_column",
                "table": "alarms",
                "column": "labels",
                "type": "string",
                "array": True,
                "default": [],
            },
            {"action": "drop_index", "table": "alarms", "columns": ["remark"], "search": True},
            {"action": "drop_column", "table": "alarms", "column": "remark", "destructive": True},
            {
                "action": "add_index",
                "table": "alarms",
                "columns": ["code"],
                "unique": True,
                "where": {"cleared_at": None, "severity": "warning"},
            },
            {"action": "add_check", "table": "alarms", "name": "cleared_later", "check": "cleared_at >= raised_at"},
            {"action": "drop_table", "table": "scratch", "destructive": True},
        ],
    },
]
_MOMENT = "2026-01-0{}T00:00:00Z"


async def started(open_schema: Open, schema: str) -> TenantDataConnector:
    data = await open_schema(schema)
    if not await data.provision_tables(FIRST, version="1.0.0"):
        return data
    levels = [(1, 50.0), (2, 212.0), (3, None)]
    await data.insert(
        "alarms",
        [
            {"zone": "north", "code": n, "level": level, "fahrenheit": f, "raised_at": _MOMENT.format(n + 1)}
            for n, (level, f) in enumerate(levels)
        ],
    )
    return data


async def catalogue(data: TenantDataConnector, schema: str) -> dict[str, object]:
    tables = await read_tables_of(data._database, [schema])
    return {
        name: (
            info.partition_key,
            {column.name: column for column in info.columns.values()},
            info.keys,
            info.constraints,
            {index.name: index.definition.replace(f" {schema}.", " ") for index in info.indexes},
        )
        for (_, name), info in tables.items()
    }


async def test_migrations_from_the_first_version_build_what_the_newest_declares(open_schema: Open):
    old, new = await started(open_schema, "walked"), await open_schema("newborn")
    await new.provision_tables(NEWEST, version="2.0.0")

    done = await old.migrate(NEWEST, MIGRATIONS, "2.0.0", allow_destructive=True)

    assert (done.before, done.after, len(done.steps)) == ("1.0.0", "2.0.0", 22)
    assert await catalogue(old, "walked") == await catalogue(new, "newborn")
    rows = await old.query("alarms", order_by="raised_at", columns=["area", "code", "severity", "celsius", "labels"])
    assert [tuple(row.values()) for row in rows] == [
        ("north", "0", "info", 9.0, []),
        ("north", "1", "warning", 90.0, []),
        ("north", "2", "info", None, []),
    ]
    assert await old.raw_sql("select count(*) as n from history", []) == [{"n": 0}]


async def test_a_second_run_does_nothing_and_a_version_on_the_way_is_enough(open_schema: Open):
    data = await started(open_schema, "stepwise")
    columns = {name: form for name, form in FIRST["alarms"]["columns"].items() if name != "level"}
    columns["severity"] = NEWEST["alarms"]["columns"]["severity"]
    halfway = {**FIRST, "alarms": FIRST["alarms"] | {"columns": columns}}

    first = await data.migrate(halfway, MIGRATIONS, "1.1.0", allow_destructive=True)
    second = await data.migrate(NEWEST, MIGRATIONS, "2.0.0", allow_destructive=True)
    third = await data.migrate(NEWEST, MIGRATIONS, "2.0.0")

    assert [len(one.steps) for one in (first, second, third)] == [5, 17, 0]


async def test_losing_steps_wait_for_leave_and_nothing_before_them_runs(open_schema: Open):
    data = await started(open_schema, "careful")

    with pytest.raises(InputError, match=r"1\.1\.0 drop_column alarms\.level.*--allow-destructive"):
        await data.migrate(NEWEST, MIGRATIONS, "2.0.0")

    assert "severity" not in (await data.get_schema("alarms")).columns


async def test_rows_that_stand_in_the_way_stop_at_their_step_and_the_rest_follows_later(open_schema: Open):
    data = await started(open_schema, "blocked")
    stray = await data.insert("alarms", {"zone": "west", "code": 9, "level": 1, "raised_at": _MOMENT.format(9)})

    with pytest.raises(GoldlayerError, match="alarms_area_check"):
        await data.migrate(NEWEST, MIGRATIONS, "2.0.0", allow_destructive=True)
    there = (await data.get_schema("alarms")).columns
    assert "area" in there
    assert "celsius" not in there
    await data.update("alarms", {"id": stray["id"]}, {"area": "south"})
    done = await data.migrate(NEWEST, MIGRATIONS, "2.0.0", allow_destructive=True)

    assert done.steps[0] == "1.2.0 alter_column alarms.area"
    assert len(await data.query("alarms")) == 4


async def test_a_migration_that_changed_after_it_ran_is_noticed(open_schema: Open):
    data = await started(open_schema, "rewritten")
    await data.insert("alarms", {"zone": "west", "code": 9, "level": 1, "raised_at": _MOMENT.format(9)})
    with pytest.raises(GoldlayerError):
        await data.migrate(NEWEST, MIGRATIONS, "2.0.0", allow_destructive=True)
    changed = [dict(one) for one in MIGRATIONS]
    changed[1] = changed[1] | {"operations": [{**MIGRATIONS[1]["operations"][0], "to": "place"}]}

    with pytest.raises(InputError, match="changed after it ran here"):
        await data.migrate(NEWEST, changed, "2.0.0", allow_destructive=True)


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"action": "add_column", "table": "nowhere", "column": "a", "type": "float", "nullable": True}, "alarms"),
        ({"action": "add_column", "table": "alarms", "column": "a", "type": "float"}, "nullable, auto or a default"),
        ({"action": "add_column", "table": "alarms", "column": "zone", "type": "float", "default": 1}, "another type"),
        ({"action": "rename_column", "table": "alarms", "column": "nothing", "to": "more"}, "zone, code, level"),
        ({"action": "rename_column", "table": "alarms", "column": "zone", "to": "code"}, "new name is there"),
        ({"action": "alter_column", "table": "alarms", "column": "nothing", "type": "float"}, "zone, code, level"),
        ({"action": "alter_column", "table": "alarms", "column": "zone", "type": "integer"}, "destructive: true"),
        ({"action": "alter_column", "table": "alarms", "column": "fahrenheit", "type": "integer"}, "destructive"),
        ({"action": "alter_column", "table": "alarms", "column": "zone", "type": "json"}, "add a new column"),
        ({"action": "alter_column", "table": "alarms", "column": "remark", "type": "string"}, "null"),
        ({"action": "alter_column", "table": "alarms", "column": "id", "type": "uuid"}, "a key stays a key"),
        ({"action": "add_index", "table": "alarms", "columns": ["nothing"]}, "zone, code, level"),
        ({"action": "add_unique", "table": "alarms", "columns": ["nothing"]}, "zone, code, level"),
        ({"action": "add_unique", "table": "alarms", "columns": ["zone"]}, "could not create unique index"),
        ({"action": "add_check", "table": "alarms", "name": "c", "check": "code > nothing"}, "zone, code, level"),
        ({"action": "transform", "table": "alarms", "column": "nothing", "value": 1}, "zone, code, level"),
        ({"action": "transform", "table": "alarms", "column": "remark", "from": "nothing"}, "zone, code, level"),
        ({"action": "transform", "table": "alarms", "column": "remark", "value": 1}, "a text"),
        ({"action": "transform", "table": "alarms", "column": "remark", "from": "zone", "factor": 2}, "for numbers"),
        ({"action": "transform", "table": "alarms", "column": "remark", "value": "x", "where": {"b": 1}}, "no such"),
    ],
)
async def test_an_operation_that_does_not_fit_is_named(open_schema: Open, operation: dict[str, Any], says: str):
    data = await started(open_schema, "misfit")
    if not await data.query("alarms", {"zone": "south"}):
        await data.insert("alarms", {"zone": "south", "code": 0, "level": 1, "raised_at": _MOMENT.format(1)})
    migration = {"version": "1.0.1", "description": "Does not fit", "operations": [operation]}

    with pytest.raises(GoldlayerError) as refused:
        await data.migrate(FIRST, [migration], "1.0.1")

    assert says in str(refused.value)
    assert f"migration 1.0.1 {operation['action']} {operation['table']}" in str(refused.value)


@pytest.mark.parametrize(
    ("migrations", "where", "says"),
    [
        ([{"version": "1.1", "description": "abc", "operations": []}], "data_migrations.0", "match pattern"),
        ([{"version": "1.1.0", "description": "abc", "operations": []}], "data_migrations.0.operations", "at least 1"),
        ([{**MIGRATIONS[0], "speed": 1}], "data_migrations.0.speed", "not permitted"),
        ([MIGRATIONS[1], MIGRATIONS[0]], "data_migrations", "order of their versions"),
        ([MIGRATIONS[0], MIGRATIONS[0]], "data_migrations", "order of their versions"),
        ([{"action": "explode", "table": "t"}], "data_migrations.0.operations.0", "'create_table', 'add_column'"),
        ([{"action": "drop_table", "table": "t"}], "data_migrations.0", "needs destructive: true"),
        ([{"action": "drop_column", "table": "t", "column": "a"}], "data_migrations.0", "needs destructive: true"),
        (
            [{"action": "transform", "table": "t", "column": "a", "value": 1, "overwrite": True}],
            "data_migrations.0",
            "needs destructive: true",
        ),
        ([{"action": "transform", "table": "t", "column": "a"}], "data_migrations.0.operations.0", "value or from"),
        (
            [{"action": "transform", "table": "t", "column": "a", "value": 1, "factor": 2}],
            "data_migrations.0.operations.0",
            "go with from",
        ),
        ([{"action": "add_check", "table": "t", "name": "c", "check": "a > 1"}], "data_migrations.0", "two columns"),
    ],
)
def test_a_wrong_migration_is_named(migrations: list[dict[str, Any]], where: str, says: str):
    if "action" in migrations[0]:
        migrations = [{"version": "1.1.0", "description": "abc", "operations": migrations}]

    with pytest.raises(InputError) as refused:
        read_migrations(migrations)

    assert str(refused.value.where).startswith(where)
    assert says in str(refused.value.expected)


async def test_migrations_that_do_not_lead_to_the_declaration_are_told_what_is_missing(open_schema: Open):
    data = await started(open_schema, "astray")
    wider = {"columns": {**FIRST["alarms"]["columns"], "extra": {"type": "float", "nullable": True}}}

    with pytest.raises(InputError, match=r"astray\.alarms column extra: declared double precision null"):
        await data.migrate({**FIRST, "alarms": FIRST["alarms"] | wider}, [], "1.0.1")
    with pytest.raises(InputError, match=r"astray\.scratch: declared not at all"):
        await data.migrate({"alarms": FIRST["alarms"]}, [], "1.0.1")


async def test_what_was_never_made_or_is_newer_is_refused(open_schema: Open):
    with pytest.raises(NotFoundError, match="subscribe"):
        await (await open_schema("absent")).migrate(NEWEST, MIGRATIONS, "2.0.0")
    data = await open_schema("ahead")
    await data.provision_tables(FIRST, version="1.10.0")
    with pytest.raises(InputError, match="newer than the module"):
        await data.migrate(FIRST, [], "1.9.0")


def test_versions_compare_as_numbers():
    migrations = read_migrations(
        [{"version": v, "description": "abc", "operations": MIGRATIONS[0]["operations"]} for v in ("1.9.0", "1.10.0")]
    )

    assert [one.version for one in pending(migrations, "1.9.0", "1.10.0")] == ["1.10.0"]
    assert [one.version for one in pending(migrations, "1.2.0", "1.9.9")] == ["1.9.0"]
