"""`raw_sql`: whatever PostgreSQL can be asked in one text, as the tenant's own role in the tenant's own database."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.isolation.attempt import Attempt
from tests.isolation.world import World

NOT_A_DOOR: dict[str, str] = {}
_ROLES = """
set role {role}
set session authorization {role}
set local role {role}
reset role
select set_config('role', '{role}', true)
select set_config('session_authorization', '{role}', false)
select set_config('app.current_tenant_id', '{id}', false)
select set_config('search_path', '{database}, pg_catalog', false)
alter role {role} password 'x'
grant {role} to current_user
revoke all on database {database} from {role}
select pg_has_role('{role}', 'member')
select pg_has_role('{role}', 'usage')
select has_database_privilege('{role}', current_database(), 'connect')
select has_schema_privilege('{role}', 'desk', 'usage')
select has_table_privilege('{role}', 'desk.notes', 'select')
select '{role}'::regrole
select to_regrole('{role}')
select rolname from pg_roles where rolname = '{role}'
select usename from pg_user where usename = '{role}'
select groname from pg_group
select pg_get_userbyid(10)
drop owned by {role}
reassign owned by {role} to current_user
"""
_DATABASES = """
select * from {database}.desk.notes
select * from "{database}"."desk"."notes"
table {database}.desk.notes
select * from desk.hidden_notes
select 'desk.hidden_notes'::regclass
select to_regclass('{database}.desk.notes')
select has_database_privilege('{database}', 'connect')
select has_database_privilege(current_user, '{database}', 'temp')
select pg_database_size('{database}')
select datname from pg_database where datname = '{database}'
select datname from pg_stat_database
select datname from pg_stat_activity
select d.datname from pg_database d
select current_catalog from {database}.information_schema.tables
select * from dblink('dbname={database}', 'select 1') as t(a int)
select dblink_connect('dbname={database}')
select * from postgres_fdw_get_connections()
create extension dblink
create extension postgres_fdw
create server other foreign data wrapper postgres_fdw options (dbname '{database}')
create database stolen template {database}
alter database {database} owner to current_user
comment on database {database} is 'x'
drop database {database}
select shobj_description(oid, 'pg_database') from pg_database
select * from pg_shdescription
select * from pg_shdepend
select * from pg_locks
select * from pg_prepared_xacts
select * from pg_replication_slots
select * from pg_stat_replication
select * from pg_stat_ssl
select * from pg_stat_statements
select * from pg_db_role_setting
select * from pg_auth_members
select * from pg_subscription
select * from pg_stat_progress_vacuum
select * from pg_stat_progress_copy
select pg_describe_object('pg_database'::regclass, n::oid, 0) from generate_series(1, 40000) n
select (pg_identify_object('pg_database'::regclass, n::oid, 0)).identity from generate_series(1, 40000) n
select pg_identify_object_as_address('pg_database'::regclass, n::oid, 0) from generate_series(1, 40000) n
select * from pg_get_object_address('database', '{{{database}}}', '{{}}')
select string_agg(pg_get_acl('pg_database'::regclass, n::oid, 0)::text, ',') from generate_series(1, 40000) n
select '{database}'::regdatabase
select has_database_privilege('{database}', 'connect') from generate_series(1, 2)
select pg_size_pretty(pg_database_size('{database}'))
"""
# Counts and sizes of other databases have no name in them: here the server must refuse, whatever it would say.
_REFUSED = """
select pg_tablespace_databases(1663)
select pg_tablespace_size('pg_default')
select count(pg_database_size(n::oid)) from generate_series(1, 40000) n
select count(pg_database_collation_actual_version(n::oid)) from generate_series(1, 40000) n
select count(*) from generate_series(1, 40000) n where has_database_privilege(n::oid, 'connect') is not null
select count(*) from generate_series(1, 40000) n where pg_stat_get_db_numbackends(n::oid) > 0
select sum(pg_stat_get_db_tuples_inserted(n::oid)) from generate_series(1, 40000) n
select pg_stat_get_db_xact_commit(n::oid) from generate_series(1, 40000) n
select datid, usesysid from pg_stat_get_activity(null)
select pg_stat_get_backend_dbid(n) from pg_stat_get_backend_idset() n
select pg_stat_get_backend_userid(n) from pg_stat_get_backend_idset() n
select * from pg_lock_status()
select * from pg_prepared_xact()
select pg_blocking_pids(1)
select * from pg_get_replication_slots()
select * from pg_stat_get_wal_senders()
select * from pg_stat_get_progress_info('VACUUM')
select * from pg_stat_get_io()
select * from pg_stat_get_wal()
select * from pg_stat_wal
select * from pg_stat_io
select * from pg_stat_slru
select pg_stat_have_stats('database', 1, 0)
select count(*) from pg_stat_activity
select count(*) from pg_database
select count(*) from pg_roles
"""
_FILES = """
select pg_read_file('/etc/passwd')
select pg_read_binary_file('base/1/PG_VERSION')
select pg_ls_dir('.')
select pg_ls_waldir()
select pg_ls_tmpdir()
select pg_stat_file('postgresql.conf')
select pg_current_logfile()
select lo_import('/etc/passwd')
select lo_export(1, '/tmp/{slug}')
select lo_create(0)
select lo_from_bytea(0, 'x')
select lo_get(1)
select loid from pg_largeobject
select oid from pg_largeobject_metadata
copy notes to program 'id'
copy notes from program 'id'
copy notes from '/etc/passwd'
copy (select 1) to '/tmp/{slug}'
copy notes to stdout
select pg_reload_conf()
select pg_rotate_logfile()
select pg_terminate_backend(pid) from pg_stat_activity
select pg_cancel_backend(1)
select * from pg_hba_file_rules
select * from pg_file_settings
select * from pg_config
load 'auto_explain'
create tablespace t location '/tmp/{slug}'
"""
SHAPES = """
select 1; select * from notes
select 1; set role {role}
select 1;; select 2
begin
commit
rollback
savepoint x
/* select */ set role {role}
-- select\nset role {role}
/* /* nested */ */ set role {role}
/* unclosed select 1
select 1 /* ; */ ; drop table notes
(select 1); select 2
do $$ begin execute 'set role {role}'; end $$
do $x$ begin perform 1; end $x$
with x as (select set_config('role', '{role}', true)) select * from x
with x as (delete from scraps returning *) select * from x
with x as (insert into scraps (id) values (1) returning *) select * from x
create function f() returns int language sql as 'select 1'
create function f() returns int language sql security definer as 'select 1'
create rule r as on select to notes do instead select 1
create trigger t before insert on notes for each row execute function f()
create event trigger t on ddl_command_start execute function f()
create policy p on notes using (true)
create publication p for all tables
create subscription s connection 'dbname={database}' publication p
prepare p as select 1
execute p
deallocate all
declare c cursor for select * from notes
fetch all from c
close all
listen news
notify news, '{slug}'
unlisten *
explain analyze delete from scraps
explain select 1
vacuum
analyze
cluster
reindex database {database}
lock table notes
truncate notes
discard all
checkpoint
call nothing()
show data_directory
show hba_file
set search_path to {database}
set statement_timeout = 0
alter system set log_statement = 'all'
refresh materialized view x
import foreign schema public from server s into public
security label on role {role} is 'x'
merge into notes using drafts on false when not matched then do nothing
select * from notes for update
select * from generate_series(1, 3) n where pg_notify('{slug}', 'x') is null
select * from xmltable('/' passing query_to_xml('select 1', true, true, '') columns a text)
select query_to_xml('select datname from pg_database', true, true, '')
select database_to_xml(true, true, '')
select table_to_xml('pg_database', true, true, '')
select schema_to_xml('pg_catalog', true, true, '')
select cursor_to_xml('c', 1, true, true, '')
select ts_stat('select datname from pg_database')
select currtid2('{database}.desk.notes', '(0,1)')
select pg_advisory_lock_shared(1)
select txid_current() is null
"""
TELLING = """
select string_agg(nspname, ',') from pg_namespace
select string_agg(table_catalog || table_schema || table_name, ',') from information_schema.tables
select string_agg(setting, ',') from pg_settings
select string_agg(name || setting, ',') from pg_settings where name like '%dir%' or name like '%file%'
select current_setting('data_directory')
select current_setting('app.current_tenant_id', true)
select string_agg(relname, ',') from pg_class
select string_agg(proname, ',') from pg_proc
select string_agg(description, ',') from pg_description
select string_agg(schemaname || relname, ',') from pg_stat_all_tables
select string_agg(application_name || query, ',') from pg_stat_get_activity(null)
select string_agg(pg_get_userbyid(n::oid), ',') from generate_series(16384, 40000) n
select string_agg(n::oid::regrole::text, ',') from generate_series(16384, 40000) n
select string_agg(spcname, ',') from pg_tablespace
select string_agg(nspacl::text, ',') from pg_namespace
select string_agg(relacl::text, ',') from pg_class
select string_agg(defaclacl::text, ',') from pg_default_acl
select string_agg(role_name, ',') from information_schema.enabled_roles
select string_agg(grantee, ',') from information_schema.role_table_grants
select string_agg(tablename, ',') from pg_tables
select string_agg(wait_event, ',') from pg_stat_get_activity(null)
select string_agg(slot_name, ',') from pg_get_replication_slots()
select string_agg(client_addr::text, ',') from pg_stat_get_activity(null)
select string_agg(backend_type, ',') from pg_stat_get_activity(null)
select count(*) from pg_stat_get_activity(null) where datid <> (select oid from pg_database limit 1)
select inet_server_addr(), version()
"""
_SAME = """
select owner from notes
select owner, amount from notes order by amount desc
select count(*) as n, sum(amount) as total, max(owner) as last from notes
select owner, embedding <=> '[7,7]' as distance from notes order by 2 limit 100
select n.owner, d.owner as other from notes n left join drafts d using (id)
select owner from notes tablesample system (100)
select text from memory.fault_memory order by embedding <=> (select embedding from memory.fault_memory limit 1)
select title from agent.session
select question, answer from agent.turn
"""


def found(world: World) -> set[str]:
    """One door, of many statements; the methods of the connector are another room's."""
    return {"sql.raw_sql"}


def attempts(world: World) -> Iterator[Attempt]:
    """Each statement, as reading and as writing, plain and in disguise."""
    blocks = {
        "another role": _ROLES,
        "another database": _DATABASES,
        "files and large objects": _FILES,
        "shape of the statement": SHAPES,
        "what catalogues tell": TELLING,
        "counts of the whole server": _REFUSED,
        "own tables": _SAME,
    }
    for technique, block in blocks.items():
        for line, disguise, write in product(block.strip().splitlines(), _DISGUISES, (False, True)):
            sql = disguise.format(sql=world.names.fill(line.replace("\\n", "\n")))
            most = 0 if block is _REFUSED else None
            yield Attempt("sql.raw_sql", technique, sql, _raw(world, write), most)
    yield from _after(world)


_DISGUISES = ("{sql}", "/* select */ {sql}", "({sql})", "with a as ({sql}) select * from a", "{sql} -- select")


def _raw(world: World, write: bool) -> Any:
    return lambda sql: world.a.data.raw_sql(sql, [], write=write)


def _after(world: World) -> Iterator[Attempt]:
    """Settings of one statement must not reach whoever has the connection next."""
    settings = ("role", "search_path", "app.current_tenant_id", "session_authorization", "statement_timeout")
    for name, value in product(settings, (world.b.role, world.b.database, str(world.b.scope.id), "0")):

        async def call(asked: str, name: str = name) -> Any:
            kept = "select current_setting($1, true) as kept, current_user as who, count(*) as n from notes"
            try:
                await world.a.data.raw_sql("select set_config($1, $2, false)", [name, asked])
            finally:
                told = await world.a.data.raw_sql(kept, [name])
            return [told, await world.a.data.query("notes", order_by="id")]

        yield Attempt("sql.raw_sql", "settings left behind", value, call)
