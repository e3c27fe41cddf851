-- lock: whoever makes the first key of a tenant, or the next, does so alone
select pg_advisory_xact_lock(hashtextextended('packages:' || $1::uuid::text, 0))

-- chain: the newest keys of a tenant, oldest first
select number, public_key, endorsement, secret_version
from (select * from package_keys order by number desc limit $1) newest order by number

-- add: a key takes its place behind the ones before it
insert into package_keys (tenant_id, number, public_key, endorsement, secret_version) values ($1, $2, $3, $4, $5)
