-- lock_people: two changes of who administers a tenant must not each leave it to the other
select pg_advisory_xact_lock(hashtextextended('people:' || $1::uuid::text, 0))

-- member_of_address: in one tenant an address is one member's
select person_id, active from memberships where tenant_id = $1 and address = lower($2)

-- new_person: an address that others know somebody by is no reason to meet them
select new_person($1, $2, $3)

-- people_of_address: who shows that they know the password is asked to join as who they are
select id, password_hash from people_of_address($1)

-- add_member: repeating it leaves the membership as it is, also one that was ended; $4 says whether a password opens it
insert into memberships (tenant_id, person_id, address, by_password) values ($1, $2, lower($3), $4)
on conflict (tenant_id, person_id) do update set person_id = excluded.person_id
returning id, active, xmax = 0 as new

-- password_of: of a member, as it is kept
select password_hash from people where id = $1

-- open_to_password: whoever joins or comes back by it has proven it, or set it by this tenant's link
update memberships set by_password = true where tenant_id = $1 and person_id = $2 and not by_password

-- roles_by_code: roles are named by code, per tenant
select r.id, r.code,
       coalesce(array_agg(rp.permission order by rp.permission) filter (where rp.permission is not null), '{}')
           as permissions
from roles r left join role_permissions rp on rp.role_id = r.id
where r.tenant_id = $1 group by r.id order by r.code

-- give_role: a person may have several
insert into membership_roles (tenant_id, membership_id, role_id) values ($1, $2, $3)
on conflict do nothing returning role_id

-- take_roles: before others are given
delete from membership_roles where tenant_id = $1 and membership_id = $2

-- bump_member: tokens made before tell an older role version
update memberships set role_version = role_version + 1 where tenant_id = $1 and id = $2

-- set_active: ends or restores a membership; the person stays
update memberships set active = $3, role_version = role_version + 1 where tenant_id = $1 and id = $2

-- administrators: who could still let others in
select count(*) from memberships m
join people p on p.id = m.person_id and p.active
join membership_roles mr on mr.membership_id = m.id
join roles r on r.id = mr.role_id and r.code = 'admin'
where m.tenant_id = $1 and m.active

-- member_facts: what must be known of somebody before anything is done to them
select m.id as membership, p.id as person_id, p.email, p.name, m.active, p.password_version,
       p.locked_until is not null and p.locked_until > now() as locked,
       coalesce(array_agg(distinct r.code order by r.code) filter (where r.code is not null), '{}') as roles,
       coalesce(array_agg(distinct rp.permission) filter (where rp.permission is not null), '{}') as permissions
from memberships m
join people p on p.id = m.person_id
left join membership_roles mr on mr.membership_id = m.id
left join roles r on r.id = mr.role_id
left join role_permissions rp on rp.role_id = r.id
where m.tenant_id = $1 and m.person_id = $2
group by m.id, p.id

-- unlock: before the time is over
update people set failed_attempts = 0, locked_until = null where id = $1

-- belongs_elsewhere: what other tenants rely on too is not one tenant's to change
select belongs_elsewhere($1, $2)

-- people_of: a tenant's members and their roles
select p.id, p.email, p.name, m.active, coalesce(p.locked_until > now(), false) as locked, m.last_sign_in,
       coalesce(array_agg(r.code order by r.code) filter (where r.code is not null), '{}') as roles
from memberships m
join people p on p.id = m.person_id
left join membership_roles mr on mr.membership_id = m.id
left join roles r on r.id = mr.role_id
where m.tenant_id = $1
group by p.id, m.id order by p.email
