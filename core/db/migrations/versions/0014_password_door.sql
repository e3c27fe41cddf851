-- Whether a person's password opens this membership. People are global: whoever was first to name an address chose its
-- password. A tenant whose provider vouches for the same address later has not heard that password proven.
alter table memberships add column by_password boolean not null default true;
grant select (by_password) on memberships to goldlayer_lookup;

grant create on schema public to goldlayer_lookup;
set local role goldlayer_lookup;
-- What somebody who gave their password may choose from: only where it opens anything.
create or replace function tenants_of_address(address text) returns table (id uuid, slug text, name text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select t.id, t.slug, t.name
        from public.people p
        join public.memberships m on m.person_id = p.id and m.active and m.by_password
        join public.tenants t on t.id = m.tenant_id and t.status = 'active'
        where lower(p.email) = lower(address) and p.active
        order by t.name, t.slug;
    end;
reset role;
revoke create on schema public from goldlayer_lookup;
