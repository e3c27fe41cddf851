-- Who acts when no person does: a program with a key, a schedule, an event. Its roles are its ceiling.
create table service_principals (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    name text not null check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    created_at timestamptz not null default now(),
    unique (tenant_id, name),
    unique (tenant_id, id)
);

create table service_principal_roles (
    tenant_id uuid not null,
    principal_id uuid not null,
    role_id uuid not null,
    primary key (principal_id, role_id),
    foreign key (tenant_id, principal_id) references service_principals (tenant_id, id) on delete cascade,
    foreign key (tenant_id, role_id) references roles (tenant_id, id)
);

do $$
declare
    one text;
begin
    foreach one in array array['service_principals', 'service_principal_roles'] loop
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
grant select, insert on service_principals, service_principal_roles to goldlayer_app;
grant select on service_principals, service_principal_roles to goldlayer_admin;

-- A key may be limited to some of its principal's permissions; its name is what it is for.
alter table api_keys drop constraint api_keys_tenant_id_name_key;
alter table api_keys
    add column principal_id uuid,
    add column limited_to text[],
    add column created_by text,
    add column last_used_at timestamptz;

-- Keys from before get a principal each. The owner is held to the policies too, and here acts for all tenants.
alter table api_keys no force row level security;
alter table service_principals no force row level security;
alter table service_principal_roles no force row level security;
update api_keys set principal_id = gen_random_uuid(), created_by = 'command:before';
insert into service_principals (id, tenant_id, name)
select principal_id, tenant_id, 'key-' || left(replace(id::text, '-', ''), 12) from api_keys;
insert into service_principal_roles (tenant_id, principal_id, role_id)
select tenant_id, principal_id, role_id from api_keys;
alter table api_keys force row level security;
alter table service_principals force row level security;
alter table service_principal_roles force row level security;

alter table api_keys
    alter column principal_id set not null,
    alter column created_by set not null,
    drop column role_id,
    add foreign key (tenant_id, principal_id) references service_principals (tenant_id, id) on delete cascade;
create index api_keys_principal on api_keys (tenant_id, principal_id);
revoke update, delete on api_keys from goldlayer_app;
grant update (last_used_at, revoked_at) on api_keys to goldlayer_app;

-- A program signs in with nothing but its key.
create policy look_up on api_keys for select to goldlayer_lookup using (true);
grant select (id, tenant_id, key_prefix, key_hash) on api_keys to goldlayer_lookup;
create function api_key_by_prefix(prefix text) returns table (tenant_id uuid, id uuid, key_hash bytea)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select k.tenant_id, k.id, k.key_hash from public.api_keys k where k.key_prefix = prefix;
    end;
revoke all on function api_key_by_prefix(text) from public;
grant execute on function api_key_by_prefix(text) to goldlayer_app;
grant create on schema public to goldlayer_lookup;
alter function api_key_by_prefix(text) owner to goldlayer_lookup;
revoke create on schema public from goldlayer_lookup;
