"""SQL over the lake: what reads B's files, finds its folder, or makes DuckDB forget its limits."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import lake as room
from lake.exploring import explore
from lake.reader import LakeReader
from tests.isolation.attempt import Attempt
from tests.isolation.techniques import injections, some
from tests.isolation.world import A, World

NOT_A_DOOR = {
    "lake.select": "runs what `explore` and the reader open for it; both are tried",
    "lake.tables_of": "reads the text of a query and no table",
    "lake.require_one_select": "likewise",
    "lake.require_known": "likewise",
    "lake.write_out": "likewise",
}
_TABLE = "gold.kpi_daily"
_STATEMENTS = """
select * from read_parquet('{root}/{slug}/gold/kpi_daily/**/*.parquet')
select * from '{root}/{slug}/gold/kpi_daily/*/*.parquet'
select * from read_text('{root}/{slug}/gold/kpi_daily/_delta_log/*.json')
select * from read_json('{root}/{slug}/gold/kpi_daily/_delta_log/*.json')
select * from glob('{root}/{slug}/**')
select file from glob('{root}/*')
select * from delta_scan('{root}/{slug}/gold/kpi_daily')
select * from "{slug}".gold.kpi_daily
select * from {database}.gold.kpi_daily
select k.* from gold.kpi_daily k, lateral (select * from read_blob('{root}/{slug}/gold/kpi_daily/*'))
attach '{root}/{slug}/x.db' as x
attach 'host=/tmp dbname={database}' as x (type postgres)
copy (select 1) to '{root}/{slug}/gold/kpi_daily/out.csv'
copy gold.kpi_daily from '{root}/{slug}/gold/kpi_daily/*'
set enable_external_access = true
reset enable_external_access
install httpfs
load '{root}/{slug}/x.duckdb_extension'
call pragma_version()
select * from duckdb_settings()
select * from duckdb_views() where sql ilike '%{slug}%'
select getenv('PATH')
select current_setting('allowed_paths')
select getvariable('files_0')
select * from pg_catalog.pg_settings
select * from duckdb_external_file_cache()
select o.* from "{root}/{slug}/gold/x.parquet" o, (with "{root}/{slug}/gold/x.parquet" as (select 1) select 1)
select * from query('select * from ''{root}/{slug}/gold/kpi_daily/*/*.parquet''')
export database '{root}/{slug}'
select * from gold.kpi_daily where site = '{site}'
""".strip().splitlines()


def found(world: World) -> set[str]:
    """Everything in the lake's room that takes SQL."""
    del world
    modules = [importlib.import_module(f"lake.{one.name}") for one in pkgutil.iter_modules(room.__path__)]
    names = {
        name
        for module in modules
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and "sql" in inspect.signature(one).parameters
    }
    methods = [
        name
        for name, one in inspect.getmembers(LakeReader, inspect.isfunction)
        if not name.startswith("_") and "sql" in inspect.signature(one).parameters
    ]
    return {f"lake.{name}" for name in names} | {f"lake.reader_{name}" for name in methods}


def attempts(world: World) -> Iterator[Attempt]:
    """Statements that would read B's files, and hostile text in the place of a value."""
    for door, call in (("lake.explore", _explore(world)), ("lake.reader_query", _query(world))):
        yield Attempt(door, "own thing", f"select count(*) as n from {_TABLE}", call, own=True)
        for text in _STATEMENTS:
            statement = world.names.fill(text.replace("{root}", world.lake.root))
            yield Attempt(door, "a way out of one's own tables", statement, call, most=_rows(world))
        for technique, text in some(list(injections(world.names)), 12):
            quoted = text.replace("'", "''")
            yield Attempt(door, technique, f"select * from {_TABLE} where site = '{quoted}'", call, most=0)
            yield Attempt(door, technique, f"select * from {_TABLE} where site = '{text}'", call, most=_rows(world))


def _rows(world: World) -> int:
    from lake.tables import table

    return max(world.lake.tenant(A).count(table(_TABLE)), 200)


def _explore(world: World) -> Callable[[str], Awaitable[Any]]:
    async def call(sql: str) -> Any:
        return (await asyncio.to_thread(explore, world.lake.tenant(A), sql)).found.rows

    return call


def _query(world: World) -> Callable[[str], Awaitable[Any]]:
    reader = LakeReader(world.lake.tenant(A))  # one for all: what stands of one attempt is there at the next

    async def call(sql: str) -> Any:
        return (await asyncio.to_thread(reader.query, sql, [_TABLE])).rows

    return call
