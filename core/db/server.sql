-- role_exists: roles are made once and kept
select true from pg_catalog.pg_roles where rolname = $1

-- create_role_text: the server itself quotes name and password, a DDL statement takes no parameters
select format('create role %I login password %L', $1::text, $2::text)

-- alter_role_text: the run folder's password is the one that counts, also on a server that knew the role before
select format('alter role %I login password %L', $1::text, $2::text)

-- database_state: -2 marks a database whose creation was interrupted; it can only be dropped
select datconnlimit from pg_catalog.pg_database where datname = $1

-- is_template: a template is marked when it is complete, so an unmarked one is finished again
select datistemplate and not datallowconn from pg_catalog.pg_database where datname = $1

-- lock_provisioning: two commands on a new run folder must not create the same thing twice
select pg_advisory_xact_lock(hashtextextended($1, 0))

-- open_to_public: the databases that initdb makes, as long as PUBLIC may connect to them
select datname from pg_catalog.pg_database
where datname in ('postgres', 'template1')
  and exists (select from aclexplode(coalesce(datacl, acldefault('d', datdba))) as granted where granted.grantee = 0)
