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
