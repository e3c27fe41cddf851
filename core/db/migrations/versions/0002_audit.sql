-- Who acted in which capacity, through which face, in which request; and a chain for what belongs to no tenant.

-- Records written before keep format 1: their hash covers the columns they were written with, so they are not touched.
alter table audit_log add column format smallint not null default 1 check (format in (1, 2));
alter table audit_log alter column format drop default;
alter table audit_log
    add column actor_kind text check (
        actor_kind in ('user', 'agent', 'bridge', 'service', 'schedule', 'api_key', 'command')),
    add column acting_for text,
    add column interface text check (interface in ('ui', 'api', 'agent', 'bridge', 'cli', 'internal')),
    add column request_id text,
    add constraint a_record_names_its_origin check (
        format = 1 or (actor_kind is not null and interface is not null and request_id is not null));

-- A chain outlives its tenant, so it does not refer to it. Without a tenant it is the platform's own: the policies
-- compare with the transaction's tenant, so the app role neither reads nor adds to that one.
alter table audit_log drop constraint audit_log_tenant_id_fkey, drop constraint audit_log_pkey;
alter table audit_log alter column tenant_id drop not null;
alter table audit_log add column chain uuid not null
    generated always as (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'::uuid)) stored;
alter table audit_log add primary key (chain, seq), add check (tenant_id <> '00000000-0000-0000-0000-000000000000');
create index audit_log_newest on audit_log (at desc);
create index audit_log_newest_of_tenant on audit_log (tenant_id, at desc);

-- Always: a session that plays a replica would not fire it otherwise.
alter table audit_log enable always trigger audit_log_is_append_only;
