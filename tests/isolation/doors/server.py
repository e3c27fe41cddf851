"""PostgreSQL itself, for whoever holds the password of A's role: no connector in between, no check of the text.

Only the platform holds it. Which databases a server has, PostgreSQL tells whoever asks for one by name: here their
names are no secret, and what is in them is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from core.db import Database
from core.errors import DeniedError, GoldlayerError
from tests.isolation.attempt import Attempt
from tests.isolation.doors import sql
from tests.isolation.world import World

NOT_A_DOOR: dict[str, str] = {}
_LOCK = 4242
_REACHING_OUT = """
set role {role}
set role postgres
set role goldlayer_admin
set role goldlayer_app
set role goldlayer_owner
set session authorization {role}
set session authorization postgres
alter role current_user superuser
alter role current_user bypassrls
alter role current_user createdb
alter role current_user createrole
alter role current_user replication
alter role {role} password 'x'
alter role postgres password 'x'
create role stolen
create user stolen superuser
grant {role} to current_user
grant goldlayer_admin to current_user
grant pg_read_server_files to current_user
grant pg_execute_server_program to current_user
grant pg_read_all_data to current_user
grant pg_monitor to current_user
drop owned by {role}
reassign owned by {role} to current_user
create database stolen
create database stolen template {database}
create database stolen template goldlayer_template
alter database {database} owner to current_user
alter database {database} set search_path = 'x'
alter database {database} connection limit 0
drop database {database}
comment on database {database} is 'x'
create extension dblink
create extension postgres_fdw
create extension file_fdw
create extension adminpack
create extension pg_stat_statements
create extension pageinspect
create extension pg_buffercache
create extension pg_visibility
create extension plpython3u
create extension plperlu
create language plpython3u
create function f() returns int language c as '/tmp/evil', 'f'
create function f() returns text language internal as 'pg_read_file'
create function pg_catalog.now() returns int language sql as 'select 1'
create function public.now() returns int language sql as 'select 1'
create table public.planted (a int)
create event trigger t on ddl_command_start execute function f()
create tablespace t location '/tmp/t'
create subscription s connection 'dbname={database}' publication p
create publication p for all tables
create server s foreign data wrapper postgres_fdw options (dbname '{database}')
create foreign data wrapper w
alter system set log_statement = 'all'
alter system reset all
set log_statement = 'all'
set session_preload_libraries = 'x'
set allow_system_table_mods = on
load 'dblink'
load '/tmp/evil'
copy desk.notes to program 'id'
copy desk.notes from program 'id'
copy desk.notes from '/etc/passwd'
copy (select 1) to '/tmp/x'
select pg_read_file('/etc/passwd')
select pg_read_file('postgresql.conf')
select pg_read_binary_file('global/pg_control')
select pg_ls_dir('.')
select pg_ls_logdir()
select pg_ls_waldir()
select pg_ls_tmpdir()
select pg_ls_archive_statusdir()
select pg_stat_file('postgresql.conf')
select pg_current_logfile()
select lo_import('/etc/passwd')
select lo_export(lo_create(0), '/tmp/x')
select * from pg_authid
select * from pg_shadow
select * from pg_hba_file_rules
select * from pg_ident_file_mappings
select * from pg_file_settings
select * from pg_config
select * from pg_database
select * from pg_roles
select * from pg_user
select * from pg_stat_activity
select * from pg_stat_database
select * from pg_locks
select * from pg_shdepend
select * from pg_shdescription
select * from pg_auth_members
select * from pg_db_role_setting
select * from pg_prepared_xacts
select * from pg_replication_slots
select * from pg_user_mapping
select * from pg_largeobject
select * from pg_statistic
select * from pg_subscription
select pg_reload_conf()
select pg_rotate_logfile()
select pg_promote()
select pg_switch_wal()
select pg_create_restore_point('x')
select pg_backup_start('x')
select pg_create_physical_replication_slot('x')
select pg_create_logical_replication_slot('x', 'test_decoding')
select pg_replication_origin_create('x')
select pg_export_snapshot() from pg_stat_activity
select pg_stat_reset()
select pg_stat_reset_shared('bgwriter')
select pg_log_backend_memory_contexts(1)
select pg_database_size('{database}')
select pg_tablespace_size('pg_default')
select has_database_privilege('{database}', 'connect')
select count(*) from generate_series(1, 40000) n where pg_stat_get_db_numbackends(n::oid) > 0
select pg_stat_get_activity(null)
select pg_lock_status()
select pg_notification_queue_usage()
checkpoint
select * from {database}.desk.notes
select * from platform.public.tenants
select * from public.tenants
select * from dblink('dbname={database}', 'select 1') as t(a int)
table desk.hidden_notes
"""


def found(world: World) -> set[str]:
    """What can be done with a password: go to a database, and say something there."""
    return {"server.connect", "server.session", "server.neighbour"}


def attempts(world: World) -> Iterator[Attempt]:
    """Every database, every role, every statement, and whatever tenants on one server could notice of each other."""
    yield Attempt("server.connect", "own database", "", lambda _: _connected(world.server.a_dsn), own=True)
    for technique, dsn in _addresses(world):
        asked = dsn.rpartition("/")[2]
        yield Attempt("server.connect", technique, asked, lambda _, dsn=dsn: _connected(dsn), refused=True, openly=True)
    for line in _REACHING_OUT.strip().splitlines():
        text = world.names.fill(line)
        yield Attempt("server.session", "reaching out", text, _session(world), refused=True, openly=True)
        again = f"select 1; {text}"
        yield Attempt("server.session", "reaching out after another", again, _session(world), refused=True, openly=True)
        block = f"do $x$ begin {text}; end $x$"
        if not text.startswith(("select", "table")):
            technique = "reaching out of a block"
            yield Attempt("server.session", technique, block, _session(world), refused=True, openly=True)
    for technique, block in (("what catalogues tell", sql.TELLING), ("shape of the statement", sql.SHAPES)):
        for line in block.strip().splitlines():
            if "stdout" not in line:
                yield Attempt("server.session", technique, world.names.fill(line), _session(world), openly=True)
    for call in (_lock, _notify, _running, _large_object, _temporary):
        technique = call.__doc__ or call.__name__
        yield Attempt("server.neighbour", technique, technique, lambda _, call=call: call(world), 0)


def _addresses(world: World) -> Iterator[tuple[str, str]]:
    """Every other database as oneself; every other role with one's own password, with none, with its own name."""
    own, other = world.a.database, world.b.database
    for name in world.server.databases:
        if name != own:
            yield "another database", world.server.a_dsn.replace(f"/{own}", f"/{name}")
    password = urlsplit(world.server.a_dsn).password or ""
    roles = ("postgres", "goldlayer_app", "goldlayer_admin", "goldlayer_owner", "goldlayer_lookup", world.b.role)
    for role in (*roles, *world.server.module_roles):
        for word in (password, "", role, "postgres"):
            for database in (own, other, "platform", "postgres"):
                yield "another role", _address(world.server.a_dsn, role, word, database)


def _address(dsn: str, role: str, password: str, database: str) -> str:
    host = dsn.rpartition("@")[2].partition("/")[0]
    return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@{host}/{database}"


async def _connected(dsn: str) -> Any:
    async with await Database.open(dsn, max_size=1) as database:
        return await database.fetch("select current_user::text as me")


def _session(world: World) -> Callable[[str], Awaitable[Any]]:
    async def call(text: str) -> Any:
        async with (
            await Database.open(world.server.a_dsn, max_size=1) as database,
            database.transaction() as transaction,
        ):
            told = await transaction.fetch(text) if ";" not in text.strip(";") else await transaction.execute(text)
            await transaction.execute("rollback")
            return told

    return call


async def _lock(world: World) -> list[str]:
    """Advisory locks: a number that B has locked is free for A."""
    async with world.server.b.transaction() as theirs, world.server.a.transaction() as ours:
        await theirs.execute(f"select pg_advisory_xact_lock({_LOCK})")
        return [] if await ours.fetchval(f"select pg_try_advisory_xact_lock({_LOCK})") else ["locked by another"]


async def _notify(world: World) -> list[str]:
    """Notifications: A hears its own and none of B's that came before."""
    heard: list[str] = []
    mine = asyncio.Event()

    def hear(text: str) -> None:
        if text == "of alpha":
            mine.set()
        else:
            heard.append(text)

    await world.server.a.listen("news", hear)
    await world.server.b.execute("select pg_notify('news', 'of beta')")
    await world.server.a.execute("select pg_notify('news', 'of alpha')")
    async with asyncio.timeout(10):
        await mine.wait()
    return heard


async def _running(world: World) -> list[str]:
    """What runs: B's statement and session are nowhere to be read while they last."""
    async with world.server.b.transaction() as theirs:
        await theirs.execute("set local application_name = 'hidden application'")
        pid = await theirs.fetchval("select pg_backend_pid() as hidden")
        await theirs.fetch("select 'of beta'")
        for verb in ("terminate", "cancel"):
            try:
                await world.server.a.fetch(f"select pg_{verb}_backend({pid})")
            except DeniedError:
                continue
            return [f"may {verb} another's session"]
        return await _told(
            world,
            "select * from pg_stat_activity",
            "select * from pg_stat_get_activity(null)",
            "select pg_stat_get_backend_activity(n) from generate_series(1, 200) n",
            "select * from pg_locks",
            "select * from pg_stat_progress_copy",
            "select * from pg_cursors",
            "select * from pg_prepared_statements",
        )


async def _large_object(world: World) -> list[str]:
    """Large objects: a number that B has filled is nothing to A."""
    async with world.server.b.transaction() as theirs:
        number = await theirs.fetchval("select lo_from_bytea(0, 'of beta')")
        return await _told(
            world,
            f"select convert_from(lo_get({number}), 'utf8')",
            "select * from pg_largeobject_metadata",
            "select * from pg_largeobject",
        )


async def _temporary(world: World) -> list[str]:
    """Temporary tables: B's have no name at A's."""
    async with world.server.b.transaction() as theirs:
        await theirs.execute("create temporary table hidden_table (owner text)")
        await theirs.execute("create schema hidden_schema")
        try:
            return await _told(
                world,
                "select relname from pg_class where relname like 'hidden%'",
                "select nspname from pg_namespace where nspname like 'hidden%'",
                "select table_name from information_schema.tables where table_name like 'hidden%'",
            )
        finally:
            await theirs.execute("drop schema hidden_schema; drop table hidden_table")


async def _told(world: World, *questions: str) -> list[str]:
    """Rows that answer a question, without those of A's own session."""
    told: list[str] = []
    for question in questions:
        try:
            rows = await world.server.a.fetch(question)
        except GoldlayerError as refused:
            rows = [{"error": str(refused)}]
        told += [str(row) for row in rows if "beta" in str(row) or "hidden application" in str(row)]
    return told
