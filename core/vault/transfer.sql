-- count: of the transaction's tenant
select count(*) from vault_secrets where sealed is not null

-- values: sealed as they are; purged versions too, so that their numbers are never given again
select row_to_json(v)::text as line from (
    select name, version, key_version, sealed, created_at at time zone 'UTC' as created_at, created_by,
           purged_at at time zone 'UTC' as purged_at
    from vault_secrets order by name, version) v

-- add_values: what `values` gave
insert into vault_secrets (tenant_id, name, version, key_version, sealed, created_at, created_by, purged_at)
select $1, v.name, v.version, v.key_version, v.sealed, v.created_at at time zone 'UTC', v.created_by,
       v.purged_at at time zone 'UTC'
from unnest($2::text[]) as line,
     json_to_record(line::json) as v (
         name text, version integer, key_version integer, sealed text, created_at timestamp, created_by text,
         purged_at timestamp)
