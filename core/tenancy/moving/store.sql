-- snapshot: pg_dump works in the same one; where the server's log was then tells an operator when that was
select pg_export_snapshot() as id, pg_current_wal_lsn()::text as position

-- spelling: one text for one value, whatever the server's settings
set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
set local extra_float_digits = 1; set local bytea_output = 'hex'

-- tables: every table of the tenant; partitions count with theirs
select n.nspname as schema, c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
  and not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by 1, 2

-- content: rows and, in whatever order they lie, the sum of 60 bits of each one's MD5
select count(*) as rows,
       lpad(to_hex(mod(coalesce(sum(('x' || left(md5(("the row".*)::text), 15))::bit(60)::bigint), 0),
                       9223372036854775807)::bigint), 16, '0') as checksum
from {table} "the row"

-- database_exists: of that name on the server
select exists (select from pg_database where datname = $1)
