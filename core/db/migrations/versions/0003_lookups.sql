-- Whose is this slug, this key, this address? Asked before a tenant is known, so no policy for the app role can answer.
-- A role that nobody signs in as answers through functions: it sees the columns named here and no others.

create policy look_up on tenants for select to goldlayer_lookup using (true);
create policy look_up on sites for select to goldlayer_lookup using (true);
create policy look_up on bridges for select to goldlayer_lookup using (true);
create policy look_up on people for select to goldlayer_lookup using (true);
create policy introduce on people for insert to goldlayer_lookup with check (true);
-- These two read memberships, which the lookup role may not; and nobody under the policies adds or removes people.
alter policy read_members on people to goldlayer_app;
alter policy change_members on people to goldlayer_app;
create policy add_nobody on people for insert with check (false);
create policy remove_nobody on people for delete using (false);

grant usage on schema public to goldlayer_lookup;
grant select (id, slug, name, status) on tenants to goldlayer_lookup;
grant select (id, site) on sites to goldlayer_lookup;
grant select (tenant_id, site_id, bridge_id, key_prefix, key_hash, key_file) on bridges to goldlayer_lookup;
grant select (id, email), insert (email, name, password_hash) on people to goldlayer_lookup;

create function find_tenant(wanted text) returns table (id uuid, slug text, name text, status text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select t.id, t.slug, t.name, t.status from public.tenants t where t.slug = wanted;
    end;

create function all_tenants() returns table (id uuid, slug text, name text, status text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select t.id, t.slug, t.name, t.status from public.tenants t order by t.slug;
    end;

create function bridge_by_prefix(prefix text) returns table (tenant_id uuid, bridge_id text, site text, key_hash bytea)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select b.tenant_id, b.bridge_id, s.site, b.key_hash
        from public.bridges b join public.sites s on s.id = b.site_id where b.key_prefix = prefix;
    end;

create function key_file_taken(file text) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select exists (select from public.bridges b where b.key_file = file);
    end;

-- One person is one row, whatever tenants they belong to; a known one keeps name and password.
create function ensure_person(address text, called text, hash text) returns uuid
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    begin atomic
        insert into public.people (email, name, password_hash) values (address, called, hash)
        on conflict (lower(email)) do nothing;
        select p.id from public.people p where lower(p.email) = lower(address);
    end;

grant create on schema public to goldlayer_lookup;
do $$
declare
    one text;
begin
    foreach one in array array[
        'find_tenant(text)', 'all_tenants()', 'bridge_by_prefix(text)', 'key_file_taken(text)',
        'ensure_person(text, text, text)']
    loop
        execute format('revoke all on function %s from public', one);
        execute format('grant execute on function %s to goldlayer_app', one);
        execute format('alter function %s owner to goldlayer_lookup', one);
    end loop;
end $$;
revoke create on schema public from goldlayer_lookup;

-- To send a person of another tenant a notification was possible for who knew the id: the key carries the tenant now.
alter table notifications drop constraint notifications_to_person_fkey;
alter table notifications add foreign key (tenant_id, to_person) references memberships (tenant_id, person_id)
    on delete cascade;

-- The administrator reads everything, makes and removes tenants and people, and leaves what is a tenant's to the app.
revoke insert, update, delete on all tables in schema public from goldlayer_admin;
grant insert, update, delete on tenants, people to goldlayer_admin;
grant insert on audit_log to goldlayer_admin;
revoke update on people from goldlayer_app;
grant update (name, password_hash, failed_attempts, locked_until) on people to goldlayer_app;
