-- platform: what the administrator set or locked for all tenants
select key, value, locked from module_platform_settings where module_code = $1

-- tenant: what a tenant chose
select key, value, set_by, set_at from module_settings where tenant_id = $1 and module_code = $2

-- choose: the newest choice counts
insert into module_settings (tenant_id, module_code, key, value, set_by) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, module_code, key)
do update set value = excluded.value, set_by = excluded.set_by, set_at = now()

-- give_up: back to what the platform has
delete from module_settings where tenant_id = $1 and module_code = $2 and key = $3 returning value

-- set_platform: for every tenant; null leaves it to the manifest
insert into module_platform_settings (module_code, key, value, locked, set_by) values ($1, $2, $3, $4, $5)
on conflict (module_code, key)
do update set value = excluded.value, locked = excluded.locked, set_by = excluded.set_by, set_at = now()
