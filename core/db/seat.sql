-- take: held until the connection ends, however it ends; never waited for
select pg_try_advisory_lock(7240233, $1)
