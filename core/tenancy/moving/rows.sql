-- tables_of_tenants: whatever has a tenant's id; partitions come with their table
select c.relname as table,
       array(select distinct p.relname::text from pg_constraint k join pg_class p on p.oid = k.confrelid
             where k.conrelid = c.oid and k.contype = 'f' and p.oid <> c.oid) as parents,
       array(select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
               and a.attidentity = ''
             order by a.attnum) as columns,
       (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attidentity <> '') as numbered_by
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and exists (select from pg_attribute a
              where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
order by c.relname

-- columns_of: what can be written
select a.attname::text as column from pg_attribute a
where a.attrelid = to_regclass('public.' || quote_ident($1)) and a.attnum > 0 and not a.attisdropped
  and a.attgenerated = ''
order by a.attnum

-- spelling: one text for one moment, whatever the server's settings
set local timezone = 'UTC'

-- people: some, whatever tenants they belong to
select row_to_json(p)::text as line from people p where p.id::text = any ($1::text[]) order by p.id

-- known_people: people are known by the id, or by address and password together
select id, lower(email) as email, password_hash from people where id::text = any ($1::text[]) or lower(email) = any ($2::text[])

-- members: of the transaction's tenant
select person_id as id from memberships

-- note_people: who goes when the tenant goes, unless they belong to another one too
insert into tenant_steps (tenant_id, operation, step)
select $1, $2, 'person ' || id from unnest($3::uuid[]) as id on conflict do nothing

-- noted_people: whoever came or went with this tenant
select substr(step, 8)::uuid as id from tenant_steps where starts_with(step, 'person ')

-- remove_people: those who belong to no tenant
delete from people p where p.id = any ($1::uuid[]) and not exists (select from memberships m where m.person_id = p.id)

-- key_file_taken: by any tenant
select key_file_taken($1)

-- modules: known to this installation
select module_code as code from module_registry

-- rows: of the transaction's tenant, as one JSON document each
select row_to_json(r)::text as line from (select {columns} from {table} order by {order}) r

-- add_rows: as `rows` gave them
insert into {table} ({columns})
select {columns} from unnest($1::text[]) as line, json_populate_record(null::{table}, line::json)

-- remove_rows: the policies leave those of the transaction's tenant
delete from {table}
