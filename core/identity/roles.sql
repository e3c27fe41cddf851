-- bump_members: a role's permissions changed
update memberships set role_version = role_version + 1 where tenant_id = $1

-- bump_holders: so that tokens made before tell an older role version
update memberships m set role_version = role_version + 1
from membership_roles mr where m.tenant_id = $1 and mr.membership_id = m.id and mr.role_id = $2

-- new_module_permission: only a permission that is new gets its default roles
insert into module_permissions (tenant_id, module_code, permission) values ($1, $2, $3)
on conflict do nothing returning permission

-- grant_to_roles: a permission's default roles
insert into role_permissions (tenant_id, role_id, permission)
select tenant_id, id, $2 from roles where tenant_id = $1 and code = any($3::text[])
on conflict do nothing

-- all: templates first
select r.code, r.name, r.built_in,
       coalesce(array_agg(distinct rp.permission order by rp.permission) filter (where rp.permission is not null), '{}')
           as permissions,
       count(distinct mr.membership_id) filter (where m.active) as members
from roles r
left join role_permissions rp on rp.role_id = r.id
left join membership_roles mr on mr.role_id = r.id
left join memberships m on m.id = mr.membership_id
where r.tenant_id = $1
group by r.id order by r.built_in desc, r.code

-- one: locked, so that two changes of a role follow one another
select r.id, r.name, r.built_in,
       coalesce(array(select rp.permission from role_permissions rp where rp.role_id = r.id order by 1), '{}')
           as permissions
from roles r where r.tenant_id = $1 and r.code = $2 for update

-- known_permissions: what modules have brought to the tenant
select module_code, permission from module_permissions where tenant_id = $1 order by module_code, permission

-- create: a tenant's own
insert into roles (tenant_id, code, name) values ($1, $2, $3) on conflict (tenant_id, code) do nothing returning id

-- rename: the code stays, it is what grants and audit name
update roles set name = $3 where tenant_id = $1 and id = $2

-- holders: people, programs, invitations and identity providers that have or promise a role
select (select count(*) from membership_roles where role_id = $1)
     + (select count(*) from service_principal_roles where role_id = $1)
     + (select count(*) from identity_providers where role_id = $1)
     + (select count(*) from identity_provider_roles where role_id = $1)
     + (select count(*) from invitation_roles ir join invitations i on i.id = ir.invitation_id
        where ir.role_id = $1 and i.accepted_at is null and i.revoked_at is null and i.expires_at > now())

-- delete: only one that nobody holds
delete from roles where tenant_id = $1 and id = $2

-- grant: one permission to one role
insert into role_permissions (tenant_id, role_id, permission) values ($1, $2, $3)

-- take: one permission from one role
delete from role_permissions where tenant_id = $1 and role_id = $2 and permission = $3
