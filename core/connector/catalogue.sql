-- columns: what may be named in a query, and what fits into it
select n.nspname as schema, c.relname as table, a.attname as name,
       format_type(a.atttypid, a.atttypmod) as sql_type,
       not a.attnotnull as nullable,
       pg_get_expr(d.adbin, d.adrelid) as default,
       coalesce(a.attnum = any (p.indkey), false) as primary_key,
       c.relkind in ('r', 'p') as is_table
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
left join pg_index p on p.indrelid = c.oid and p.indisprimary
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm')
order by n.nspname, c.relname, a.attnum

-- unique_keys: an upsert needs one; partial and expression indexes do not serve
select n.nspname as schema, c.relname as table,
       (select array_agg(a.attname order by a.attname)
        from pg_attribute a where a.attrelid = c.oid and a.attnum = any (i.indkey)) as columns
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where i.indisunique and i.indpred is null and i.indexprs is null and n.nspname = any ($1::text[])

-- settings_of_raw: names without a schema mean the module's own, and nothing runs for ever
select set_config('search_path', $1, true), set_config('statement_timeout', $2, true)
