-- enter: held until the connection ends, however it ends
select pg_advisory_lock_shared($1, pg_backend_pid())

-- members: locks of two numbers (objsubid 2) of this circle, in this database
select
    pg_backend_pid() as me,
    array(
        select objid::bigint::integer from pg_locks
        where
            locktype = 'advisory' and classid = $1::integer::oid and objsubid = 2 and granted
            and database = (select oid from pg_database where datname = current_database())
    ) as members
