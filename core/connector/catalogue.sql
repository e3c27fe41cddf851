-- columns: what may be named in a query, and what fits into it
select n.nspname as schema, c.relname as table, a.attname as name,
       format_type(a.atttypid, a.atttypmod) as sql_type,
       not a.attnotnull as nullable,
       pg_get_expr(d.adbin, d.adrelid) as default,
       coalesce(a.attnum = any (p.indkey), false) as primary_key,
       c.relkind in ('r', 'p') as is_table,
       case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
left join pg_index p on p.indrelid = c.oid and p.indisprimary
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
order by n.nspname, c.relname, a.attnum

-- constraints: what the rows must fulfil; NOT NULL stands with the column
select n.nspname as schema, c.relname as table, k.conname as name, pg_get_constraintdef(k.oid) as definition
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and not c.relispartition and k.contype <> 'n'
order by n.nspname, c.relname, k.conname

-- indexes: an upsert needs a key; partial and expression indexes do not serve as one
select n.nspname as schema, c.relname as table, ic.relname as name, pg_get_indexdef(i.indexrelid) as definition,
       i.indisunique and i.indpred is null and i.indexprs is null as is_key,
       exists (select from pg_constraint k where k.conindid = i.indexrelid) as of_constraint,
       coalesce((select array_agg(a.attname::text order by a.attname)
                 from pg_attribute a where a.attrelid = c.oid and a.attnum = any (i.indkey)), '{}') as columns
from pg_index i
join pg_class ic on ic.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and not c.relispartition and c.relkind in ('r', 'p', 'm')
order by n.nspname, c.relname, ic.relname
