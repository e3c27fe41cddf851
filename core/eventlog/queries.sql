-- lock_schema: two processes that open a new log at once must not both create its tables
select pg_advisory_xact_lock(7240231)

-- has_schema: the last table there is; changing a table locks out whoever appends, so it is done once
select to_regclass('public.records') is not null

-- create_log: whoever remembers offsets must be able to tell this log from any other
create table if not exists log (
    id uuid not null default gen_random_uuid(),
    one boolean primary key default true check (one)
)

-- name_log: once
insert into log default values on conflict do nothing

-- find_log: asked at every opening
select id::text from log

-- create_topics: a topic keeps the number of partitions it was born with
create table if not exists topics (
    name text primary key,
    partitions integer not null check (partitions > 0)
)

-- create_partitions: the counter row hands out offsets; a sequence would let them commit out of order
create table if not exists partitions (
    id integer generated always as identity primary key,
    topic text not null references topics (name),
    number integer not null,
    next_offset bigint not null default 0,
    unique (topic, number)
)

-- create_records: `offset` is a word of SQL, so the column is called position
create table if not exists records (
    partition_id integer not null references partitions (id),
    position bigint not null,
    key bytea not null,
    value bytea not null,
    headers text not null,
    primary key (partition_id, position)
)

-- store_plainly: payloads are compressed already, trying again only costs
alter table records alter column value set storage external

-- add_topic: existing topics stay as they are
insert into topics (name, partitions) values ($1, $2) on conflict do nothing

-- add_partitions: one counter row each
insert into partitions (topic, number)
select name, number from topics, generate_series(0, partitions - 1) as number
where name = $1
on conflict do nothing

-- find_partitions: ids by number; asked once per topic
select number, id from partitions where topic = $1 order by number

-- existing_topics: most of the time all of them are there
select name from topics where name = any($1::text[])

-- remove_records: first of three, by hand, so that nothing is ever removed in passing
delete from records where partition_id in (select id from partitions where topic = $1)

-- remove_partitions: the counter goes too
delete from partitions where topic = $1

-- remove_topic: last
delete from topics where name = $1

-- lock_partition: taken in the order of ids before any counter is touched, so that two appends cannot wait for each other
select pg_advisory_xact_lock(7240232, $1)

-- take_offsets: the counter moves in the transaction that writes, so offsets become visible in order and without holes
update partitions set next_offset = next_offset + $2 where id = $1 returning next_offset - $2

-- wake: after the commit and outside it, since NOTIFY makes committing transactions queue up
select pg_notify('eventlog', partition::text) from unnest($1::integer[]) as partition

-- end_offset: what the counter says is committed
select next_offset from partitions where id = $1

-- read: as many as wanted, but stop once they hold $4 bytes; the first is always given
select position, key, value, headers
from (
    select *, sum(octet_length(value)) over (order by position) - octet_length(value) as before
    from (
        select position, key, value, headers from records
        where partition_id = $1 and position >= $2 order by position limit $3
    ) as wanted
) as measured
where before < $4
order by position

-- trim: what the lake has
delete from records where partition_id = $1 and position < $2
