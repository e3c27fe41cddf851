-- Which modules there are, who has which, and how they are set.

-- The catalogue belongs to no tenant: everybody reads it, the administrator writes it.
create table module_registry (
    module_code text primary key check (module_code ~ '^[A-Z][A-Z0-9_]{2,40}$'),
    version text not null check (version ~ '^\d+\.\d+\.\d+$'),
    manifest jsonb not null,
    active boolean not null default true,
    registered_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);

-- What the platform's administrator sets or locks for every tenant; null means as the manifest has it.
create table module_platform_settings (
    module_code text not null references module_registry,
    key text not null check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    value jsonb,
    locked boolean,
    set_by text not null,
    set_at timestamptz not null default now(),
    primary key (module_code, key)
);

create table tenant_module_subscriptions (
    tenant_id uuid not null references tenants on delete cascade,
    module_code text not null references module_registry,
    state text not null check (state in ('subscribing', 'active', 'unsubscribing', 'archived')),
    provisioned_version text,
    subscribed_at timestamptz,
    changed_at timestamptz not null default now(),
    primary key (tenant_id, module_code),
    check (state <> 'active' or (provisioned_version is not null and subscribed_at is not null))
);

create table subscription_history (
    tenant_id uuid not null,
    seq bigint generated always as identity,
    module_code text not null,
    event text not null check (event in ('subscribed', 'unsubscribed', 'migrated')),
    version text,
    actor text not null,
    at timestamptz not null default now(),
    primary key (tenant_id, seq),
    foreign key (tenant_id, module_code) references tenant_module_subscriptions on delete cascade
);

-- A secret's value is in the vault; here stands its version there.
create table module_settings (
    tenant_id uuid not null,
    module_code text not null,
    key text not null check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    value jsonb not null,
    set_by text not null,
    set_at timestamptz not null default now(),
    primary key (tenant_id, module_code, key),
    foreign key (tenant_id, module_code) references tenant_module_subscriptions on delete cascade
);

do $$
declare
    one text;
begin
    foreach one in array array['tenant_module_subscriptions', 'subscription_history', 'module_settings'] loop
        execute format('alter table %I enable row level security', one);
        execute format('alter table %I force row level security', one);
        execute format('create policy read_own on %I for select using (tenant_id = current_tenant())', one);
        execute format('create policy add_own on %I for insert with check (tenant_id = current_tenant())', one);
        execute format(
            'create policy change_own on %I for update using (tenant_id = current_tenant())'
            ' with check (tenant_id = current_tenant())', one);
        execute format('create policy remove_own on %I for delete using (tenant_id = current_tenant())', one);
    end loop;
    foreach one in array array['module_registry', 'module_platform_settings'] loop
        execute format('alter table %I enable row level security', one);
        execute format('alter table %I force row level security', one);
        execute format('create policy read_all on %I for select using (true)', one);
        execute format('create policy add_nobody on %I for insert with check (false)', one);
        execute format('create policy change_nobody on %I for update using (false)', one);
        execute format('create policy remove_nobody on %I for delete using (false)', one);
    end loop;
end $$;

grant select on module_registry, module_platform_settings to goldlayer_app;
grant select, insert on tenant_module_subscriptions, subscription_history to goldlayer_app;
grant update (state, provisioned_version, subscribed_at, changed_at) on tenant_module_subscriptions to goldlayer_app;
grant select, insert, update, delete on module_settings to goldlayer_app;
grant select on tenant_module_subscriptions, subscription_history, module_settings to goldlayer_admin;
grant select, insert on module_registry, module_platform_settings to goldlayer_admin;
grant update (version, manifest, active, changed_at) on module_registry to goldlayer_admin;
grant update (value, locked, set_by, set_at) on module_platform_settings to goldlayer_admin;
