-- fill_tenants: $1 of them
insert into tenants (slug, name, status) select 'bench-' || n, 'Bench ' || n, 'active' from generate_series(1, $1::int) n

-- fill_people: $1 in all
insert into people (email, name, password_hash)
select 'p' || n || '@bench.example', 'P' || n, 'x' from generate_series(1, $1::int) n

-- fill_memberships: dealt out evenly, so that neighbours in the table belong to different tenants
with people as (select id, address, row_number() over (order by email) as n from people),
    tenants as (select id, row_number() over (order by slug) as n from tenants)
insert into memberships (tenant_id, person_id, address)
select t.id, p.id, p.address from people p join tenants t on t.n = 1 + p.n % (select count(*) from tenants)

-- fill_sessions: one a member
insert into sessions (tenant_id, person_id, method, expires_at)
select tenant_id, person_id, 'password', now() + interval '1 day' from memberships

-- fill_roles: two a tenant
insert into roles (tenant_id, code, name) select id, code, code from tenants, unnest(array['operator', 'viewer']) code

-- fill_membership_roles: both to everybody
insert into membership_roles (tenant_id, membership_id, role_id)
select m.tenant_id, m.id, r.id from memberships m join roles r using (tenant_id)

-- fill_permissions: ten a role
insert into role_permissions (tenant_id, role_id, permission)
select tenant_id, id, 'DESK.ACTION_' || n from roles, generate_series(1, 10) n

-- fill_notifications: $1 a tenant, those of different tenants side by side
insert into notifications (tenant_id, subject, message, created_at)
select id, 'subject ' || n, 'message', now() - n * interval '1 second' from generate_series(1, $1::int) n, tenants

-- newest: the page somebody opens first
select id, subject, message, created_at from notifications where tenant_id = $1 order by created_at desc limit 50

-- newest_by_policy: the same page, its tenant left to the policy
select id, subject, message, created_at from notifications order by created_at desc limit 50

-- add: a row
insert into notifications (tenant_id, subject, message) values ($1, 'new', 'message') returning id

-- dismiss: a change by key
update notifications set dismissed_at = now() where tenant_id = $1 and id = $2

-- read: one row by key
select subject from notifications where tenant_id = $1 and id = $2
