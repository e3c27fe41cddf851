-- partitions: what a partitioned table consists of, and where each begins and ends
select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass($1) order by c.relname

-- lock_wait: a partition is made or dropped in an instant, but not while a long query reads the table
set local lock_timeout = '10s'
