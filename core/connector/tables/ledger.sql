-- schema: the tenant's own record of its modules' tables; no module's role reaches it
create schema if not exists platform

-- live: what stands, at which version of the module, as it was declared
create table if not exists platform.module_tables (
    schema text primary key,
    version text,
    tables jsonb not null,
    changed_at timestamptz not null default now()
)

-- steps: each operation of a migration, recorded in the transaction that did it
create table if not exists platform.module_steps (
    schema text not null,
    version text not null,
    position integer not null,
    sha256 text not null,
    done_at timestamptz not null default now(),
    primary key (schema, version, position)
)

-- archives: tables that were put aside; nothing is ever deleted here
create table if not exists platform.module_archives (
    archived_as text primary key,
    schema text not null,
    version text,
    tables jsonb not null,
    archived_at timestamptz not null default clock_timestamp(),
    restored_at timestamptz
)

-- one_at_a_time: two who change the same module's tables wait for each other
select pg_advisory_xact_lock(hashtextextended('module tables:' || $1::text, 0))

-- ledger_exists: databases made before there was a ledger get it when it is first needed
select to_regclass('platform.module_archives') is not null

-- find: what stands of one module
select version, tables from platform.module_tables where schema = $1

-- find_tables: the declaration as it was recorded
select tables from platform.module_tables where schema = $1

-- all: what stands of all modules
select schema, version, tables from platform.module_tables order by schema

-- put: what stands now
insert into platform.module_tables (schema, version, tables) values ($1, $2, $3)
on conflict (schema) do update set version = excluded.version, tables = excluded.tables, changed_at = now()

-- forget: the tables were put aside
delete from platform.module_tables where schema = $1

-- steps_done: where a migration that was interrupted goes on
select position, sha256 from platform.module_steps where schema = $1 and version = $2

-- step_done: a step and its record are one transaction
insert into platform.module_steps (schema, version, position, sha256) values ($1, $2, $3, $4)

-- forget_steps: tables that are made anew begin a new count
delete from platform.module_steps where schema = $1

-- archive: under which name the tables can be found again
insert into platform.module_archives (archived_as, schema, version, tables) values ($1, $2, $3, $4)

-- newest_archive: what a restore brings back
select archived_as, version, tables from platform.module_archives
where schema = $1 and restored_at is null order by archived_at desc limit 1

-- restored: an archive that came back
update platform.module_archives set restored_at = now() where archived_as = $1

-- schema_exists: a schema may be there without a record
select exists (select from pg_namespace where nspname = $1)

-- schema_has_tables: an empty schema is no obstacle to a restore
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1)
