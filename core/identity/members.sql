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

-- set_member_active: ends or restores a membership; the person stays
update memberships set active = $3, role_version = role_version + 1
where tenant_id = $1 and person_id = (select id from people where lower(email) = lower($2))
returning id

-- people_of: a tenant's members and their roles
select p.id, p.email, p.name, m.active, coalesce(p.locked_until > now(), false) as locked, m.last_sign_in,
       coalesce(array_agg(r.code order by r.code) filter (where r.code is not null), '{}') as roles
from memberships m
join people p on p.id = m.person_id
left join membership_roles mr on mr.membership_id = m.id
left join roles r on r.id = mr.role_id
where m.tenant_id = $1
group by p.id, m.id order by p.email
