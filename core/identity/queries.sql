-- ensure_person: one person is one row, whatever tenants they belong to; a known one keeps name and password
select ensure_person($1, $2, $3)

-- add_member: repeating it leaves the membership as it is, also one that was ended
insert into memberships (tenant_id, person_id) values ($1, $2)
on conflict (tenant_id, person_id) do update set person_id = excluded.person_id
returning id

-- role_by_code: roles are named by code, per tenant
select id from roles where tenant_id = $1 and code = $2

-- role_codes: the choices an error names
select code from roles where tenant_id = $1 order by code

-- give_role: a person may have several
insert into membership_roles (tenant_id, membership_id, role_id) values ($1, $2, $3)
on conflict do nothing returning role_id

-- take_roles: before others are given
delete from membership_roles where tenant_id = $1 and membership_id = $2

-- bump_member: tokens made before tell an older role version
update memberships set role_version = role_version + 1 where tenant_id = $1 and id = $2

-- bump_members: a role's permissions changed
update memberships set role_version = role_version + 1 where tenant_id = $1

-- set_member_active: ends or restores a membership; the person stays
update memberships set active = $3, role_version = role_version + 1
where tenant_id = $1 and person_id = (select id from people where lower(email) = lower($2))
returning id

-- sign_in: everything the door needs to know of somebody who says to be a member
select p.id, p.email, p.name, p.password_hash, p.locked_until > now() as locked, m.role_version
from people p join memberships m on m.person_id = p.id
where m.tenant_id = $1 and lower(p.email) = lower($2) and p.active and m.active

-- count_failure: counting and locking in one statement, so that parallel guesses all count
update people set
    failed_attempts = case when failed_attempts + 1 >= $2 then 0 else failed_attempts + 1 end,
    locked_until = case when failed_attempts + 1 >= $2 then now() + $3::interval else locked_until end
where id = $1 returning locked_until > now() as locked

-- clear_failures: a right password ends the count
update people set failed_attempts = 0, locked_until = null where id = $1 and failed_attempts > 0

-- store_hash: the hash is renewed when the parameters of the day are stronger
update people set password_hash = $2 where id = $1

-- member: who a token speaks of, as things stand now
select p.email, p.name, m.role_version,
       coalesce(array_agg(rp.permission) filter (where rp.permission is not null), '{}') as permissions
from memberships m
join people p on p.id = m.person_id and p.active
left join membership_roles mr on mr.membership_id = m.id
left join role_permissions rp on rp.role_id = mr.role_id
where m.tenant_id = $1 and m.person_id = $2 and m.active
group by p.email, p.name, m.role_version

-- new_module_permission: only a permission that is new gets its default roles
insert into module_permissions (tenant_id, module_code, permission) values ($1, $2, $3)
on conflict do nothing returning permission

-- grant_to_roles: a permission's default roles
insert into role_permissions (tenant_id, role_id, permission)
select tenant_id, id, $2 from roles where tenant_id = $1 and code = any($3::text[])
on conflict do nothing

-- people_of: a tenant's members and their roles
select p.id, p.email, p.name, m.active,
       coalesce(array_agg(r.code order by r.code) filter (where r.code is not null), '{}') as roles
from memberships m
join people p on p.id = m.person_id
left join membership_roles mr on mr.membership_id = m.id
left join roles r on r.id = mr.role_id
where m.tenant_id = $1
group by p.id, p.email, p.name, m.active order by p.email
