-- unprotected: row-level security is enabled and forced on every table, so that the owner is held to it too
select c.relname as name from pg_class c
where c.relkind in ('r', 'p', 'f', 'm') and c.relnamespace = 'public'::regnamespace and c.relname <> 'alembic_version'
    and not (c.relrowsecurity and c.relforcerowsecurity)

-- elsewhere: tables stand in one schema, or the other checks would not look at them
select c.oid::regclass::text as name from pg_class c
where c.relkind in ('r', 'p', 'f', 'm') and c.relnamespace <> 'public'::regnamespace
    and c.relnamespace::regnamespace::text not in ('pg_catalog', 'pg_toast', 'information_schema')
    and c.relpersistence <> 't'

-- look_through: a view reads with the rights of who asks, not of who made it
select c.relname as name from pg_class c
where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace
    and not coalesce('security_invoker=true' = any (c.reloptions), false)

-- tenantless: every row belongs to a tenant; the registers of tenants and modules, the people and the rates of
-- whoever has not said where they belong are the platform's own
select c.relname as name from pg_class c
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
    and c.relname not in ('alembic_version', 'tenants', 'people', 'module_registry', 'module_platform_settings',
        'request_rates')
    and not exists (
        select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'
            and (a.attnotnull or c.relname = 'audit_log'))

-- unpoliced: a policy for reading, adding, changing and removing, each holding the app role
select c.relname || ' ' || command as name
from pg_class c cross join unnest(array['r', 'a', 'w', 'd']) as command
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relname <> 'alembic_version'
    and not exists (
        select from pg_policy p where p.polrelid = c.oid and p.polcmd::text = command
            and p.polroles && array[0::oid, 'goldlayer_app'::regrole::oid])

-- indifferent: but for the lookups', every policy compares with the transaction's tenant or lets nothing through; which
-- modules there are, everybody may read
select p.polrelid::regclass || ' ' || p.polname as name from pg_policy p
where p.polroles <> array['goldlayer_lookup'::regrole::oid]
    and not (p.polcmd = 'r' and p.polrelid::regclass::text in ('module_registry', 'module_platform_settings'))
    and exists (
        select from unnest(array[pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)]) as said
        where said !~ 'current_tenant\(\)' and said <> 'false')

-- owned: what the product works as owns nothing, so it cannot lift a policy or a trigger
select c.relname as name from pg_class c
where c.relkind <> 'i' and c.relowner in ('goldlayer_app'::regrole, 'goldlayer_admin'::regrole, 'goldlayer_lookup'::regrole)
union all
select p.proname from pg_proc p where p.proowner in ('goldlayer_app'::regrole, 'goldlayer_admin'::regrole)
union all
select n.nspname from pg_namespace n where n.nspowner::regrole::text like 'goldlayer%'
union all
select 'schema public: ' || a.grantee::regrole
from pg_namespace n, aclexplode(n.nspacl) a
where n.nspname = 'public' and a.privilege_type = 'CREATE' and a.grantee::regrole::text <> 'pg_database_owner'

-- mighty: only the administrator looks past the policies, and nobody can become anybody but the owner the lookup
select rolname as name from pg_roles
where rolname like 'goldlayer%' and (rolsuper or rolcreaterole or rolcreatedb or rolreplication
    or (rolbypassrls and rolname <> 'goldlayer_admin') or (rolcanlogin and rolname = 'goldlayer_lookup'))
union all
select m.member::regrole || ' as ' || m.roleid::regrole from pg_auth_members m
where m.member::regrole::text like 'goldlayer%'
    and not (m.member = 'goldlayer_owner'::regrole and m.roleid = 'goldlayer_lookup'::regrole
        and not m.inherit_option and not m.admin_option)

-- crossing: a foreign key looks past the policies, so it carries the tenant; who a person is, memberships alone say, and
-- modules are nobody's
select c.conrelid::regclass || ' ' || c.conname as name from pg_constraint c
where c.contype = 'f' and c.connamespace = 'public'::regnamespace
    and not (c.confrelid = 'people'::regclass and c.conrelid = 'memberships'::regclass)
    and c.confrelid <> 'module_registry'::regclass
    and not exists (
        select from unnest(c.conkey, c.confkey) as pair (own, theirs)
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = pair.own
        join pg_attribute b on b.attrelid = c.confrelid and b.attnum = pair.theirs
        where a.attname = 'tenant_id'
            and b.attname = case when c.confrelid = 'tenants'::regclass then 'id' else 'tenant_id' end)

-- granted: at most this to each role, on whole tables and on columns
with allowed (role, relation, privileges) as (values
    ('goldlayer_app', 'tenants', array['SELECT']),
    ('goldlayer_app', 'people', array['SELECT', 'UPDATE of']),
    ('goldlayer_app', 'audit_log', array['SELECT', 'INSERT']),
    ('goldlayer_app', 'alembic_version', array[]::text[]),
    ('goldlayer_app', null, array['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
    ('goldlayer_admin', 'tenants', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
    ('goldlayer_admin', 'people', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
    ('goldlayer_admin', 'audit_log', array['SELECT', 'INSERT']),
    ('goldlayer_admin', 'alembic_version', array[]::text[]),
    ('goldlayer_app', 'module_registry', array['SELECT']),
    ('goldlayer_app', 'module_platform_settings', array['SELECT']),
    ('goldlayer_admin', 'module_registry', array['SELECT', 'INSERT', 'UPDATE of']),
    ('goldlayer_admin', 'module_platform_settings', array['SELECT', 'INSERT', 'UPDATE of']),
    -- Reads what a tenant's export tells, and removes what a tenant's removal leaves.
    ('goldlayer_admin', null, array['SELECT', 'DELETE']),
    ('goldlayer_lookup', 'alembic_version', array[]::text[]),
    ('goldlayer_lookup', 'request_rates', array['SELECT of', 'INSERT of', 'UPDATE of', 'DELETE']),
    ('goldlayer_app', 'request_rates', array[]::text[]),
    ('goldlayer_lookup', null, array['SELECT of', 'INSERT of', 'UPDATE of'])
), granted as (
    select c.relname, a.grantee, a.privilege_type as privilege, a.is_grantable
    from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'public'::regnamespace and a.grantee <> c.relowner
    union all
    select c.relname, a.grantee, a.privilege_type || ' of', a.is_grantable
    from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
    where c.relnamespace = 'public'::regnamespace and a.grantee <> c.relowner
)
select distinct g.grantee::regrole || ' ' || g.privilege || ' ' || g.relname as name
from granted g
left join allowed own on own.role = g.grantee::regrole::text and own.relation = g.relname
left join allowed rest on rest.role = g.grantee::regrole::text and rest.relation is null
where g.is_grantable or coalesce(own.privileges, rest.privileges) is null
    or not (g.privilege = any (coalesce(own.privileges, rest.privileges))
        or replace(g.privilege, ' of', '') = any (coalesce(own.privileges, rest.privileges)))

-- needless: the lookup role sees the columns that its functions use and no others
select c.relname || '.' || t.attname as name
from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
where a.grantee = 'goldlayer_lookup'::regrole
    and not exists (
        select from pg_depend d join pg_proc p on p.oid = d.objid
        where d.classid = 'pg_proc'::regclass and p.proowner = 'goldlayer_lookup'::regrole
            and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = t.attnum)

-- open_functions: what runs with another's rights is the lookup role's, finds its tables by full name, and is the app's
select p.proname as name from pg_proc p
where p.pronamespace = 'public'::regnamespace and p.prosecdef and not (
    p.proowner = 'goldlayer_lookup'::regrole
    and coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)
    and p.prosqlbody is not null
    and not exists (
        select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where a.grantee not in (p.proowner, 'goldlayer_app'::regrole)))

-- default_grants: nothing that is made later is granted to anybody by itself
select d.defaclrole::regrole || ' ' || d.defaclobjtype::text as name from pg_default_acl d
