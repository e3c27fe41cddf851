-- How often somebody may still ask, counted for all processes of a service. A bucket is a digest and says nothing of who
-- it is for; nothing of it need survive a crash, so nothing of it is written ahead.
create unlogged table request_rates (
    bucket bytea primary key check (octet_length(bucket) = 16),
    full_at timestamptz not null default '-infinity'
) with (fillfactor = 50);

alter table request_rates enable row level security;
alter table request_rates force row level security;
create policy read_none on request_rates for select to goldlayer_app using (false);
create policy add_none on request_rates for insert to goldlayer_app with check (false);
create policy change_none on request_rates for update to goldlayer_app using (false);
create policy remove_none on request_rates for delete to goldlayer_app using (false);
create policy look_up on request_rates to goldlayer_lookup using (true) with check (true);
grant select (bucket, full_at), insert (bucket), update (full_at), delete on request_rates to goldlayer_lookup;

-- A bucket holds a minute's requests and fills up evenly; `full_at` is when it is full again. Of several buckets, that
-- must all have enough, the poorest decides; if it is empty nothing is taken. They are locked in one order.
create function take_requests(asked bytea[], per_minute integer[], wanted integer)
    returns table (granted integer, wait_s double precision, emptiest bytea)
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    begin atomic
        insert into public.request_rates as r (bucket)
            select one.bucket from unnest(asked) as one (bucket) order by one.bucket
            on conflict (bucket) do update set full_at = r.full_at;
        with moment as materialized (
            select clock_timestamp() as now
        ), held as materialized (
            select r.bucket, greatest(r.full_at, m.now) as full_at, interval '1 minute' / one.most as each,
                   m.now + interval '1 minute' as horizon
            from unnest(asked, per_minute) as one (bucket, most)
            join public.request_rates r on r.bucket = one.bucket
            cross join moment m
        ), given as materialized (
            select least(wanted, min(floor(extract(epoch from h.horizon - h.full_at)
                                           / extract(epoch from h.each) + 1e-6)))::integer as granted,
                   max(extract(epoch from h.full_at + h.each - h.horizon))::double precision as wait_s,
                   (array_agg(h.bucket order by h.full_at + h.each - h.horizon desc))[1] as emptiest
            from held h
        ), taken as (
            update public.request_rates r set full_at = h.full_at + h.each * g.granted
            from held h, given g where r.bucket = h.bucket and g.granted > 0
        )
        select g.granted, case when g.granted > 0 then 0 else greatest(g.wait_s, 0.001) end, g.emptiest from given g;
    end;

-- What was taken and turned out to be nothing that counts.
create function return_requests(asked bytea[], per_minute integer[]) returns void
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    begin atomic
        with held as (
            select r.bucket, interval '1 minute' / one.most as each
            from unnest(asked, per_minute) as one (bucket, most)
            join public.request_rates r on r.bucket = one.bucket
            order by r.bucket for update of r
        )
        update public.request_rates r set full_at = r.full_at - h.each from held h where r.bucket = h.bucket;
    end;

-- A bucket that is full is like one that never was.
create function sweep_requests() returns void
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    begin atomic
        delete from public.request_rates r where r.bucket in (
            select s.bucket from public.request_rates s where s.full_at < clock_timestamp() for update skip locked);
    end;

grant create on schema public to goldlayer_lookup;
do $$
declare
    one text;
begin
    foreach one in array array[
        'take_requests(bytea[], integer[], integer)', 'return_requests(bytea[], integer[])', 'sweep_requests()']
    loop
        execute format('revoke all on function %s from public', one);
        execute format('grant execute on function %s to goldlayer_app', one);
        execute format('alter function %s owner to goldlayer_lookup', one);
    end loop;
end $$;
revoke create on schema public from goldlayer_lookup;
