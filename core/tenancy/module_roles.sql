-- create_role: the server itself quotes names, a DDL statement takes no parameters; nothing to do if it is there
select format('create role %I nologin', $1::text)
where to_regrole(quote_ident($1)) is null and $2::text is not null

-- lend_role: the tenant's role may take it on, and gets none of its rights by itself
select format('grant %I to %I with inherit false, set true', $1::text, $2::text)

-- close_way_back: SET is refused in module SQL, and so must be the function that does the same
select 'revoke execute on function pg_catalog.set_config(text, text, boolean) from public'
where $1::text is not null and $2::text is not null

-- keep_way_for_owner: dumps and drivers of the tenant's own role use it
select format('grant execute on function pg_catalog.set_config(text, text, boolean) to %I', $2::text)
where $1::text is not null

-- drop_roles: roles of modules carry their tenant's role as a prefix
select format('drop role %I', rolname) as text from pg_catalog.pg_roles where starts_with(rolname, $1)
