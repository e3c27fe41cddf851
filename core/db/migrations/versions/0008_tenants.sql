-- A tenant that is being brought in or removed exists for nobody but the command that does it.
alter table tenants drop constraint tenants_status_check;
alter table tenants add constraint tenants_status_check
    check (status in ('provisioning', 'importing', 'active', 'suspended', 'removing'));

-- On which server a tenant's database is; `main` is the installation's own.
create table tenant_data_stores (
    tenant_id uuid primary key references tenants on delete cascade,
    server text not null check (server ~ '^[a-z][a-z0-9-]{0,38}$'),
    database text not null check (database <> ''),
    role text not null check (role <> ''),
    created_at timestamptz not null default now(),
    unique (server, database)
);

-- What of an operation is done: after a crash the next run goes on behind it, and whoever looks sees where it stopped.
create table tenant_steps (
    tenant_id uuid not null references tenants on delete cascade,
    operation text not null check (operation in ('create', 'import', 'remove')),
    step text not null check (step <> ''),
    done_at timestamptz not null default now(),
    primary key (tenant_id, operation, step)
);

-- Whoever types an address with this domain is led to the tenant's sign-in. A domain leads to one tenant.
create table tenant_domains (
    domain text primary key check (domain ~ '^[a-z0-9-]+(\.[a-z0-9-]+)+$' and length(domain) <= 253),
    tenant_id uuid not null references tenants on delete cascade,
    created_at timestamptz not null default now()
);
create index tenant_domains_of_tenant on tenant_domains (tenant_id);

-- The owner is held to the policies as well, and has to see every tenant this once.
alter table tenants no force row level security;
insert into tenant_data_stores (tenant_id, server, database, role)
select id, 'main', 't_' || replace(slug, '-', '_'),
       -- Roles were named by the id itself once.
       coalesce((select rolname from pg_roles where rolname = 'tenant_' || replace(id::text, '-', '')),
                'tenant_' || left(encode(sha256(uuid_send(id)), 'hex'), 32))
from tenants where status <> 'provisioning';
alter table tenants force row level security;

do $$
declare
    one text;
begin
    foreach one in array array['tenant_data_stores', 'tenant_steps', 'tenant_domains'] loop
        execute format('alter table %I enable row level security', one);
        execute format('alter table %I force row level security', one);
        execute format('create policy read_own on %I for select using (tenant_id = current_tenant())', one);
        execute format('create policy add_own on %I for insert with check (tenant_id = current_tenant())', one);
        execute format(
            'create policy change_own on %I for update using (tenant_id = current_tenant())'
            ' with check (tenant_id = current_tenant())', one);
        execute format('create policy remove_own on %I for delete using (tenant_id = current_tenant())', one);
    end loop;
end $$;

grant select, insert on tenant_data_stores, tenant_steps to goldlayer_app;
grant select, insert, delete on tenant_domains to goldlayer_app;
grant select on tenant_data_stores, tenant_steps, tenant_domains to goldlayer_admin;

-- Asked before a tenant is known, and of all tenants at once; see the lookups before.
create policy look_up on tenant_domains for select to goldlayer_lookup using (true);
create policy look_up on tenant_data_stores for select to goldlayer_lookup using (true);
grant select (domain, tenant_id) on tenant_domains to goldlayer_lookup;
grant select (server) on tenant_data_stores to goldlayer_lookup;

create function tenant_of_domain(wanted text) returns text
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select t.slug from public.tenant_domains d join public.tenants t on t.id = d.tenant_id
        where d.domain = wanted and t.status = 'active';
    end;

create function tenants_by_server() returns table (server text, tenants bigint)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select s.server, count(*) from public.tenant_data_stores s group by s.server;
    end;

grant create on schema public to goldlayer_lookup;
do $$
declare
    one text;
begin
    foreach one in array array['tenant_of_domain(text)', 'tenants_by_server()'] loop
        execute format('revoke all on function %s from public', one);
        execute format('grant execute on function %s to goldlayer_app', one);
        execute format('alter function %s owner to goldlayer_lookup', one);
    end loop;
end $$;
revoke create on schema public from goldlayer_lookup;
