-- Three roles: the owner migrates, the app works under row-level security, the administrator sees all tenants.
-- They exist before this runs; passwords never stand in a migration.

create function current_tenant() returns uuid
    language sql stable parallel safe
    -- After a transaction the setting reads '' and not null: both mean "no tenant".
    return nullif(current_setting('app.current_tenant_id', true), '')::uuid;

create table tenants (
    id uuid primary key default gen_random_uuid(),
    slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    name text not null check (name <> ''),
    status text not null default 'provisioning' check (status in ('provisioning', 'active', 'suspended')),
    created_at timestamptz not null default now()
);

create table sites (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    site text not null,
    definition jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (tenant_id, site),
    unique (tenant_id, id)
);

-- A foreign key looks past row-level security, so every one carries the tenant.
create table contracts (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null,
    site_id uuid not null,
    contract_id text not null,
    version text not null,
    sha256 text not null,
    source text not null,
    active boolean not null,
    created_at timestamptz not null default now(),
    unique (site_id, sha256),
    foreign key (tenant_id, site_id) references sites (tenant_id, id) on delete cascade
);
create unique index one_active_contract on contracts (site_id) where active;

create table bridges (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null,
    site_id uuid not null,
    bridge_id text not null,
    key_prefix text not null unique,
    key_hash bytea not null,
    key_file text not null unique,
    incarnation text,
    last_seen timestamptz,
    created_at timestamptz not null default now(),
    unique (tenant_id, bridge_id),
    foreign key (tenant_id, site_id) references sites (tenant_id, id) on delete cascade
);

-- People are global; which of them a tenant sees, its memberships say.
create table people (
    id uuid primary key default gen_random_uuid(),
    email text not null,
    name text not null check (name <> ''),
    password_hash text not null,
    failed_attempts integer not null default 0,
    locked_until timestamptz,
    active boolean not null default true,
    created_at timestamptz not null default now()
);
create unique index people_email on people (lower(email));

create table memberships (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    person_id uuid not null references people on delete cascade,
    active boolean not null default true,
    role_version integer not null default 1,
    created_at timestamptz not null default now(),
    unique (tenant_id, person_id),
    unique (tenant_id, id)
);
create index memberships_person on memberships (person_id);

create table roles (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    code text not null check (code ~ '^[a-z][a-z0-9_]{0,62}$'),
    name text not null,
    built_in boolean not null default false,
    unique (tenant_id, code),
    unique (tenant_id, id)
);

create table membership_roles (
    tenant_id uuid not null,
    membership_id uuid not null,
    role_id uuid not null,
    primary key (membership_id, role_id),
    foreign key (tenant_id, membership_id) references memberships (tenant_id, id) on delete cascade,
    foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
);

create table role_permissions (
    tenant_id uuid not null,
    role_id uuid not null,
    permission text not null check (permission ~ '^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$'),
    primary key (role_id, permission),
    foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
);

-- Which permissions a module has brought: its defaults are handed out once, what an admin takes away stays away.
create table module_permissions (
    tenant_id uuid not null references tenants on delete cascade,
    module_code text not null,
    permission text not null,
    primary key (tenant_id, module_code, permission)
);

create table api_keys (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null,
    role_id uuid not null,
    name text not null,
    key_prefix text not null unique,
    key_hash bytea not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    unique (tenant_id, name),
    foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
);

-- `before` and `after` are json and not jsonb: the chain is computed over the text as it was written.
create table audit_log (
    tenant_id uuid not null references tenants,
    seq bigint not null check (seq > 0),
    at timestamptz not null,
    actor text not null,
    action text not null,
    target text not null,
    before json,
    after json,
    outcome text not null,
    previous_mac text not null,
    mac text not null,
    primary key (tenant_id, seq)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise insufficient_privilege using message = 'the audit log is append-only';
end $$;
create trigger audit_log_is_append_only before update or delete or truncate on audit_log
    for each statement execute function refuse_change();

create table notifications (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    to_person uuid references people on delete cascade,
    role_id uuid,
    severity text not null default 'info' check (severity in ('info', 'warning', 'critical')),
    subject text not null,
    message text not null,
    action_url text,
    created_at timestamptz not null default now(),
    dismissed_at timestamptz,
    foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade,
    check (to_person is null or role_id is null)
);
create index notifications_newest on notifications (tenant_id, created_at desc);

-- Forced: the owner of the tables is held to the policies too. Without a tenant set, nothing is visible.
do $$
declare
    one record;
    owned text;
begin
    for one in
        select c.oid::regclass as name,
               exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as by_tenant
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
          and c.relname not in ('alembic_version', 'people')
    loop
        owned := case when one.by_tenant then 'tenant_id = current_tenant()' else 'id = current_tenant()' end;
        execute format('alter table %s enable row level security', one.name);
        execute format('alter table %s force row level security', one.name);
        execute format('create policy read_own on %s for select using (%s)', one.name, owned);
        execute format('create policy add_own on %s for insert with check (%s)', one.name, owned);
        execute format('create policy change_own on %s for update using (%s) with check (%s)', one.name, owned, owned);
        execute format('create policy remove_own on %s for delete using (%s)', one.name, owned);
    end loop;
end $$;

alter table people enable row level security;
alter table people force row level security;
create policy read_members on people for select
    using (exists (select from memberships m where m.person_id = people.id and m.tenant_id = current_tenant()));
create policy change_members on people for update
    using (exists (select from memberships m where m.person_id = people.id and m.tenant_id = current_tenant()));

revoke all on schema public from public;
grant usage on schema public to goldlayer_app, goldlayer_admin;
grant select, insert, update, delete on all tables in schema public to goldlayer_app, goldlayer_admin;
revoke all on alembic_version from goldlayer_app, goldlayer_admin;
revoke update, delete, truncate on audit_log from goldlayer_app, goldlayer_admin;
-- Tenants come, go and are suspended by the administrator; people are global, so only the administrator adds them.
revoke insert, update, delete on tenants from goldlayer_app;
revoke insert, delete on people from goldlayer_app;
