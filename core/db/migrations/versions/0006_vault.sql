-- Tenants' secrets: data keys wrapped by a master key that is not here, and values sealed by them.

create table vault_keys (
    tenant_id uuid not null references tenants on delete cascade,
    version integer not null check (version > 0),
    master text not null check (master <> ''),
    wrapped text not null check (wrapped <> ''),
    created_at timestamptz not null default now(),
    wrapped_at timestamptz not null default now(),
    primary key (tenant_id, version)
);

-- A purged version keeps its row, so that its number is never given again: the number is part of what is sealed.
create table vault_secrets (
    tenant_id uuid not null references tenants on delete cascade,
    name text not null check (name ~ '^[a-zA-Z0-9][a-zA-Z0-9_./-]{0,127}$'),
    version integer not null check (version > 0),
    key_version integer,
    sealed text,
    created_at timestamptz not null default now(),
    created_by text not null,
    purged_at timestamptz,
    primary key (tenant_id, name, version),
    -- Whoever destroys a key destroys what it sealed.
    foreign key (tenant_id, key_version) references vault_keys (tenant_id, version) on delete cascade,
    check ((sealed is null) = (purged_at is not null)),
    check ((sealed is null) = (key_version is null))
);

do $$
declare
    one text;
begin
    foreach one in array array['vault_keys', 'vault_secrets'] loop
        execute format('alter table %s enable row level security', one);
        execute format('alter table %s force row level security', one);
        execute format('create policy read_own on %s for select using (tenant_id = current_tenant())', one);
        execute format('create policy add_own on %s for insert with check (tenant_id = current_tenant())', one);
        execute format(
            'create policy change_own on %s for update'
            ' using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', one);
        execute format('create policy remove_own on %s for delete using (tenant_id = current_tenant())', one);
    end loop;
end $$;

grant select, insert, delete on vault_keys, vault_secrets to goldlayer_app;
grant update (master, wrapped, wrapped_at) on vault_keys to goldlayer_app;
grant update (key_version, sealed, purged_at) on vault_secrets to goldlayer_app;
-- The administrator removes tenants, and has no business with their secrets.
grant select (tenant_id, name, version, created_at, created_by, purged_at), delete on vault_secrets to goldlayer_admin;
grant select (tenant_id, version, master, created_at, wrapped_at), delete on vault_keys to goldlayer_admin;
