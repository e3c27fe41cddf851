-- An address is not a person: two tenants may each know somebody under it, with a name, a password and a lock of their
-- own, and neither notices the other. One person in several tenants is who joined the next one while signed in as a
-- member of the last. In one tenant an address is one member's.
drop index people_email;
create index people_address on people (lower(email));
alter table people add column address text not null generated always as (lower(email)) stored;
alter table people add unique (id, address);

-- The owner is held to the policies too, and here acts for all tenants.
alter table memberships no force row level security;
alter table people no force row level security;
alter table memberships add column address text;
update memberships m set address = p.address from people p where p.id = m.person_id;
alter table memberships alter column address set not null;
alter table memberships force row level security;
alter table people force row level security;
alter table memberships
    add constraint one_member_of_an_address unique (tenant_id, address),
    add foreign key (person_id, address) references people (id, address);

drop function ensure_person(text, text, text);
drop function tenants_of_address(text);
grant select (password_hash) on people to goldlayer_lookup;

create function new_person(wanted text, called text, hash text) returns uuid
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    begin atomic
        insert into public.people (email, name, password_hash) values (wanted, called, hash) returning id;
    end;

-- Who has this address and a password, for whoever shows that they know it.
create function people_of_address(wanted text) returns table (id uuid, password_hash text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select p.id, p.password_hash from public.people p
        where lower(p.email) = lower(wanted) and p.active and p.password_hash is not null order by p.id;
    end;

-- What somebody who gave their password may choose from: only where it opens anything.
create function tenants_of_person(person uuid) returns table (id uuid, slug text, name text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select t.id, t.slug, t.name
        from public.people p
        join public.memberships m on m.person_id = p.id and m.active and m.by_password
        join public.tenants t on t.id = m.tenant_id and t.status = 'active'
        where p.id = person and p.active
        order by t.name, t.slug;
    end;

grant create on schema public to goldlayer_lookup;
do $$
declare
    one text;
begin
    foreach one in array array[
        'new_person(text, text, text)', 'people_of_address(text)', 'tenants_of_person(uuid)']
    loop
        execute format('revoke all on function %s from public', one);
        execute format('grant execute on function %s to goldlayer_app', one);
        execute format('alter function %s owner to goldlayer_lookup', one);
    end loop;
end $$;
revoke create on schema public from goldlayer_lookup;
