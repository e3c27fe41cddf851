-- missing: what is still to be done for a module's role, in order; the server itself quotes names, a DDL statement takes
-- no parameters. The tenant's role may take it on and gets none of its rights by itself; SET is refused in module SQL,
-- and so must be the function that does the same, which dumps and drivers of the tenant's own role use
with known as (
    select to_regrole(quote_ident($1::text)) as role, to_regrole(quote_ident($2::text)) as owner
), way_back as (
    select a.grantee
    from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.oid = 'pg_catalog.set_config(text, text, boolean)'::regprocedure
)
select todo.text
from known, lateral (values
    (1, known.role is null, format('create role %I nologin', $1::text)),
    (2, not exists (
            select from pg_catalog.pg_auth_members m
            where m.roleid = known.role and m.member = known.owner and m.set_option and not m.inherit_option),
        format('grant %I to %I with inherit false, set true', $1::text, $2::text)),
    (3, exists (select from way_back where grantee = 0),
        'revoke execute on function pg_catalog.set_config(text, text, boolean) from public'),
    (4, not exists (select from way_back where grantee = known.owner),
        format('grant execute on function pg_catalog.set_config(text, text, boolean) to %I', $2::text))
) as todo (place, wanted, text)
where todo.wanted
order by todo.place

-- one_at_a_time: two who make the same role wait for each other
select pg_advisory_xact_lock(hashtextextended('module role:' || $1::text, 0))

-- drop_roles: roles of modules carry their tenant's role as a prefix
select format('drop role %I', rolname) as text from pg_catalog.pg_roles where starts_with(rolname, $1)
