-- bump_members: a role's permissions changed
update memberships set role_version = role_version + 1 where tenant_id = $1

-- new_module_permission: only a permission that is new gets its default roles
insert into module_permissions (tenant_id, module_code, permission) values ($1, $2, $3)
on conflict do nothing returning permission

-- grant_to_roles: a permission's default roles
insert into role_permissions (tenant_id, role_id, permission)
select tenant_id, id, $2 from roles where tenant_id = $1 and code = any($3::text[])
on conflict do nothing
