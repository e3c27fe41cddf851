-- one_grants_at_a_time: two who change the rights of one schema at once would stumble over each other
select pg_advisory_xact_lock(hashtextextended('rights of modules', 0))

-- schemas_without_rights: rights come together, so one that is missing means that all are
select nspname as schema from pg_namespace
where nspname = any ($1::text[]) and not has_schema_privilege($2, oid, 'usage')
