-- What a bridge said of itself last, and since when it is known to be away: the row that says so is the only memory of
-- it, so that no restart and no second gateway tells it again.
alter table bridges
    add column version text,
    add column devices jsonb,
    add column health jsonb,
    add column health_at timestamptz,
    add column clock_offset_s double precision,
    add column down_since timestamptz;

create table bridge_health (
    tenant_id uuid not null,
    bridge_id text not null,
    at timestamptz not null default now(),
    version text not null,
    devices integer not null check (devices >= 0),
    devices_connected integer not null check (devices_connected between 0 and devices),
    outbox_rows bigint not null,
    outbox_bytes bigint not null,
    outbox_oldest_s double precision,
    disk_free_bytes bigint not null,
    cpu_percent double precision not null,
    memory_bytes bigint not null,
    clock_offset_s double precision not null,
    primary key (tenant_id, bridge_id, at),
    foreign key (tenant_id, bridge_id) references bridges (tenant_id, bridge_id) on delete cascade
);
alter table bridge_health enable row level security;
alter table bridge_health force row level security;
create policy read_own on bridge_health for select using (tenant_id = current_tenant());
create policy add_own on bridge_health for insert with check (tenant_id = current_tenant());
create policy change_own on bridge_health for update using (tenant_id = current_tenant())
    with check (tenant_id = current_tenant());
create policy remove_own on bridge_health for delete using (tenant_id = current_tenant());
grant select, insert, delete on bridge_health to goldlayer_app;
grant select on bridge_health to goldlayer_admin;

-- Gateways look for silent bridges of all tenants at once; see the lookups before.
grant select (last_seen, down_since) on bridges to goldlayer_lookup;
create index bridges_last_seen on bridges (last_seen) where down_since is null;
create function silent_bridges(since timestamptz) returns table (tenant_id uuid, bridge_id text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select b.tenant_id, b.bridge_id from public.bridges b join public.tenants t on t.id = b.tenant_id
        where b.down_since is null and b.last_seen < since and t.status = 'active';
    end;
revoke all on function silent_bridges(timestamptz) from public;
grant execute on function silent_bridges(timestamptz) to goldlayer_app;
grant create on schema public to goldlayer_lookup;
alter function silent_bridges(timestamptz) owner to goldlayer_lookup;
revoke create on schema public from goldlayer_lookup;
