-- lock_tenant: writing a value and sealing all of them anew wait for each other
select pg_advisory_xact_lock(hashtextextended('vault:' || $1::uuid::text, 0))

-- act_for: a rotation of the master key goes from tenant to tenant in one transaction
select set_config('app.current_tenant_id', $1::uuid::text, true)

-- share_master: whoever may wrap a data key takes this first, so that no rotation of the master key overlooks it
select pg_advisory_xact_lock_shared(hashtextextended('vault master', 0))

-- hold_master: one rotation at a time, and no new wraps meanwhile
select pg_advisory_xact_lock(hashtextextended('vault master', 0))

-- newest_key: new values are sealed under it
select version, master, wrapped from vault_keys where tenant_id = $1 order by version desc limit 1

-- add_key: a tenant's first data key, or the next one
insert into vault_keys (tenant_id, version, master, wrapped) values ($1, $2, $3, $4)

-- keys: every data key of a tenant, for wrapping them anew
select version, master, wrapped from vault_keys where tenant_id = $1 order by version for update

-- wrap_anew: same data key, other master key
update vault_keys set master = $3, wrapped = $4, wrapped_at = now() where tenant_id = $1 and version = $2

-- drop_keys: nothing is sealed under them any more
delete from vault_keys where tenant_id = $1 and version < $2

-- next_version: purged versions keep their numbers, so that none is ever given twice
select coalesce(max(version), 0) + 1 as version from vault_secrets where tenant_id = $1 and name = $2

-- add_secret: a value is never changed, it gets a successor
insert into vault_secrets (tenant_id, name, version, key_version, sealed, created_by) values ($1, $2, $3, $4, $5, $6)

-- read: one version of a value, the newest if none is named, with the key it is sealed under
select s.version, s.key_version, s.sealed, k.master, k.wrapped
from vault_secrets s left join vault_keys k on k.tenant_id = s.tenant_id and k.version = s.key_version
where s.tenant_id = $1 and s.name = $2 and ($3::integer is null or s.version = $3)
order by s.version desc limit 1

-- sealed: everything of a tenant that can be opened
select name, version, key_version, sealed from vault_secrets
where tenant_id = $1 and sealed is not null order by name, version for update

-- seal_anew: same value and place, other data key
update vault_secrets set key_version = $4, sealed = $5 where tenant_id = $1 and name = $2 and version = $3

-- purge: the row stays and says when; the newest $3 versions are spared
update vault_secrets set sealed = null, key_version = null, purged_at = now()
where tenant_id = $1 and name = $2 and sealed is not null
  and version <= (select max(version) from vault_secrets where tenant_id = $1 and name = $2) - $3
returning version

-- list: what is kept, a line a name; a name whose newest version was purged is gone
select s.name, s.version, s.created_at, s.created_by, kept.versions
from vault_secrets s
join (
    select name, max(version) as newest, count(*) filter (where sealed is not null) as versions
    from vault_secrets where tenant_id = $1 group by name
) kept on kept.name = s.name and kept.newest = s.version
where s.tenant_id = $1 and s.sealed is not null order by s.name

-- shred_secrets: a tenant's values
delete from vault_secrets where tenant_id = $1

-- shred_keys: without them a copy of the values is noise
delete from vault_keys where tenant_id = $1

-- accesses: the audit log, looked at from the vault
select seq, at, actor_kind || ':' || actor as actor, substr(action, 7) as action, target as name, outcome,
       after ->> 'purpose' as purpose, (after ->> 'version')::integer as version
from audit_log where tenant_id = $1 and action like 'vault.%' and actor_kind is not null order by seq desc limit $2
