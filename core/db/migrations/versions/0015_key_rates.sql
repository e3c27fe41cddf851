alter table api_keys add column per_minute integer not null default 100 check (per_minute between 1 and 100000);
alter table api_keys alter column per_minute drop default;

-- Keys are a right of their own now; the administrators of tenants that are there get it, as new ones do. The owner is
-- held to the policies too, and here acts for all tenants.
alter table roles no force row level security;
alter table role_permissions no force row level security;
insert into role_permissions (tenant_id, role_id, permission)
select tenant_id, id, 'PLATFORM.MANAGE_KEYS' from roles where code = 'admin' on conflict do nothing;
alter table roles force row level security;
alter table role_permissions force row level security;
