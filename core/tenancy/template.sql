-- extension: only a superuser may create it, so tenants find it made
create extension if not exists vector

-- hide_neighbours: one server carries all tenants, and these catalogues would name the others
revoke select on
    pg_catalog.pg_database, pg_catalog.pg_roles, pg_catalog.pg_user, pg_catalog.pg_group, pg_catalog.pg_auth_members,
    pg_catalog.pg_db_role_setting, pg_catalog.pg_shdescription, pg_catalog.pg_shseclabel, pg_catalog.pg_shdepend,
    pg_catalog.pg_stat_activity, pg_catalog.pg_stat_database, pg_catalog.pg_stat_database_conflicts,
    pg_catalog.pg_stat_ssl, pg_catalog.pg_stat_gssapi, pg_catalog.pg_stat_replication, pg_catalog.pg_locks,
    pg_catalog.pg_prepared_xacts, pg_catalog.pg_replication_slots, pg_catalog.pg_subscription,
    pg_catalog.pg_stat_progress_analyze, pg_catalog.pg_stat_progress_basebackup, pg_catalog.pg_stat_progress_cluster,
    pg_catalog.pg_stat_progress_copy, pg_catalog.pg_stat_progress_create_index, pg_catalog.pg_stat_progress_vacuum
from public

-- hide_what_functions_tell: they look up any database of the server by name or number, whatever its catalogues hide
do $$
declare
    one regprocedure;
begin
    for one in
        select oid from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
          and (proname ~ '^pg_stat_get_(activity|archiver|backend|bgwriter|buf|checkpointer|db|io|progress|slru|wal)'
               or proname ~ '^pg_stat_get_(recovery|replication|subscription)'
               or proname in ('has_database_privilege', 'pg_database_size', 'pg_database_collation_actual_version',
                              'pg_describe_object', 'pg_identify_object', 'pg_identify_object_as_address',
                              'pg_get_object_address', 'pg_get_acl', 'pg_lock_status', 'pg_blocking_pids',
                              'pg_safe_snapshot_blocking_pids', 'pg_prepared_xact', 'pg_get_replication_slots',
                              'pg_tablespace_databases', 'pg_tablespace_size', 'pg_notification_queue_usage'))
    loop
        execute format('revoke execute on function %s from public', one);
    end loop;
end $$
