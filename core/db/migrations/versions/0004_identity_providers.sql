-- One row a way into a tenant. The client's secret is in the tenant's vault, under a name made of the id.
create table identity_providers (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    name text not null check (name ~ '^[a-z][a-z0-9-]{0,38}[a-z0-9]$'),
    label text not null check (label <> ''),
    kind text not null check (kind in ('oidc', 'saml')),
    issuer text not null check (issuer <> ''),
    client_id text,
    metadata_url text,
    metadata text,
    domains text[] not null default '{}',
    trusts_email boolean not null default false,
    role_id uuid,
    enabled boolean not null default true,
    created_at timestamptz not null default now(),
    unique (tenant_id, name),
    unique (tenant_id, id),
    -- A role that strangers are admitted with cannot be removed under them.
    foreign key (tenant_id, role_id) references roles (tenant_id, id),
    check ((kind = 'oidc') = (client_id is not null)),
    check ((kind = 'saml') = (num_nonnulls(metadata_url, metadata) = 1))
);

-- Words that are good once: ids of sign-ins under way and of assertions.
create table used_sign_ins (
    tenant_id uuid not null,
    provider_id uuid not null,
    word_hash bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, provider_id, word_hash),
    foreign key (tenant_id, provider_id) references identity_providers (tenant_id, id) on delete cascade
);
create index used_sign_ins_expiry on used_sign_ins (tenant_id, expires_at);

do $$
declare
    one text;
begin
    foreach one in array array['identity_providers', 'used_sign_ins'] loop
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

grant select, insert, delete on identity_providers, used_sign_ins to goldlayer_app;
grant update (enabled) on identity_providers to goldlayer_app;
-- A tenant's export tells of its providers.
grant select on identity_providers to goldlayer_admin;
