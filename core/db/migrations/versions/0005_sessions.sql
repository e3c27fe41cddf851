-- Whoever comes through an identity provider only has no password here. The version counts changes of the password:
-- a link that was made for an older one is worth nothing.
alter table people alter column password_hash drop not null;
alter table people add column password_version integer not null default 0;
alter table memberships add column last_sign_in timestamptz;

create table sessions (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null,
    person_id uuid not null,
    method text not null check (method <> ''),
    address text not null default '',
    device text not null default '',
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_because text,
    unique (tenant_id, id),
    foreign key (tenant_id, person_id) references memberships (tenant_id, person_id) on delete cascade
);
create index sessions_person on sessions (tenant_id, person_id);
create index sessions_of_person on sessions (person_id) where revoked_at is null;

-- All refresh tokens of a session are one family; only the newest is unused.
create table refresh_tokens (
    token_hash bytea primary key,
    tenant_id uuid not null,
    session_id uuid not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    foreign key (tenant_id, session_id) references sessions (tenant_id, id) on delete cascade
);
create index refresh_tokens_session on refresh_tokens (tenant_id, session_id);

-- A tenant's provider speaks for that tenant alone, so who it means is known per tenant.
create table external_identities (
    tenant_id uuid not null,
    provider text not null check (provider <> ''),
    subject text not null check (subject <> ''),
    person_id uuid not null,
    email text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    primary key (tenant_id, provider, subject),
    foreign key (tenant_id, person_id) references memberships (tenant_id, person_id) on delete cascade
);
create index external_identities_person on external_identities (tenant_id, person_id);

do $$
declare
    one text;
begin
    foreach one in array array['sessions', 'refresh_tokens', 'external_identities'] loop
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

grant select, insert, delete on sessions, refresh_tokens, external_identities to goldlayer_app;
grant update (last_used_at, revoked_at, revoked_because) on sessions to goldlayer_app;
grant update (used_at) on refresh_tokens to goldlayer_app;
grant update (email, last_used_at) on external_identities to goldlayer_app;
grant select on sessions, refresh_tokens, external_identities to goldlayer_admin;
grant update (password_version) on people to goldlayer_app;

-- Asked before a tenant is known, or of a person in all their tenants; see the lookups before.
create policy look_up on memberships for select to goldlayer_lookup using (true);
create policy look_up on refresh_tokens for select to goldlayer_lookup using (true);
create policy look_up on sessions for select to goldlayer_lookup using (true);
create policy end_any on sessions for update to goldlayer_lookup using (true);
grant select (tenant_id, person_id, active) on memberships to goldlayer_lookup;
grant select (active) on people to goldlayer_lookup;
grant select (token_hash, tenant_id) on refresh_tokens to goldlayer_lookup;
grant select (id, person_id, revoked_at), update (revoked_at, revoked_because) on sessions to goldlayer_lookup;

-- The token alone leads to its tenant, nothing beside it names one.
create function tenant_of_refresh_token(hash bytea) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select r.tenant_id from public.refresh_tokens r where r.token_hash = hash;
    end;

-- What somebody who gave their password may choose from.
create function tenants_of_address(address text) returns table (id uuid, slug text, name text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select t.id, t.slug, t.name
        from public.people p
        join public.memberships m on m.person_id = p.id and m.active
        join public.tenants t on t.id = m.tenant_id and t.status = 'active'
        where lower(p.email) = lower(address) and p.active
        order by t.name, t.slug;
    end;

-- A membership that was ended counts: its tenant may restore it.
create function belongs_elsewhere(person uuid, here uuid) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select exists (select from public.memberships m where m.person_id = person and m.tenant_id <> here);
    end;

-- A password that was changed ends what it had opened, in every tenant.
create function end_sessions_everywhere(person uuid, because text, spared uuid) returns bigint
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    begin atomic
        with ended as (
            update public.sessions s set revoked_at = now(), revoked_because = because
            where s.person_id = person and s.revoked_at is null and (spared is null or s.id <> spared)
            returning s.id)
        select count(*) from ended;
    end;

grant create on schema public to goldlayer_lookup;
do $$
declare
    one text;
begin
    foreach one in array array[
        'tenant_of_refresh_token(bytea)', 'tenants_of_address(text)', 'belongs_elsewhere(uuid, uuid)',
        'end_sessions_everywhere(uuid, text, uuid)']
    loop
        execute format('revoke all on function %s from public', one);
        execute format('grant execute on function %s to goldlayer_app', one);
        execute format('alter function %s owner to goldlayer_lookup', one);
    end loop;
end $$;
revoke create on schema public from goldlayer_lookup;
