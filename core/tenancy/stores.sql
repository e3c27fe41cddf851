-- place: the first word counts, also when a crash came in between
insert into tenant_data_stores (tenant_id, server, database, role) values ($1, $2, $3, $4) on conflict do nothing

-- by_server: where the next tenant goes
select server, tenants from tenants_by_server()

-- store: of the transaction's tenant
select server, database, role from tenant_data_stores

-- facts: of the database this runs in
select pg_database_size(current_database()) as bytes, extversion as pgvector
from pg_extension where extname = 'vector'

-- schemas: all that are the tenant's
select n.nspname as schema, count(c.oid) as tables
from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p') and not c.relispartition
where n.nspname <> 'information_schema' and not starts_with(n.nspname, 'pg_') and n.nspname <> 'public'
group by n.nspname order by n.nspname
