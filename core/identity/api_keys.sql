-- by_prefix: the key alone leads to its tenant
select tenant_id, id, key_hash from api_key_by_prefix($1)

-- principal: a name is one principal of its tenant
select p.id,
       coalesce(array_agg(r.code order by r.code) filter (where r.code is not null), '{}') as roles
from service_principals p
left join service_principal_roles pr on pr.principal_id = p.id
left join roles r on r.id = pr.role_id
where p.tenant_id = $1 and p.name = $2 group by p.id

-- add_principal: with its first key
insert into service_principals (tenant_id, name) values ($1, $2) returning id

-- give_role: its ceiling is what its roles may do together
insert into service_principal_roles (tenant_id, principal_id, role_id) values ($1, $2, $3)

-- add: only the hash is kept
insert into api_keys (tenant_id, principal_id, name, key_prefix, key_hash, limited_to, expires_at, created_by, per_minute)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id

-- all: what an administrator sees; nothing of the key but what finds it
select k.id, p.name as principal, k.name as purpose, k.key_prefix as prefix, k.limited_to, k.per_minute, k.created_by, k.created_at,
       k.expires_at, k.revoked_at, k.last_used_at,
       coalesce(array_agg(r.code order by r.code) filter (where r.code is not null), '{}') as roles
from api_keys k
join service_principals p on p.id = k.principal_id
left join service_principal_roles pr on pr.principal_id = p.id
left join roles r on r.id = pr.role_id
where k.tenant_id = $1
group by k.id, p.id order by p.name, k.created_at

-- revoke: for good
update api_keys k set revoked_at = now() from service_principals p
where k.tenant_id = $1 and k.id = $2 and k.revoked_at is null and p.id = k.principal_id
returning p.name as principal, k.name as purpose, k.key_prefix as prefix

-- standing: what the key may do as things stand now; nothing once it is revoked or expired
select p.id, p.name, k.limited_to, k.per_minute,
       exists (select from service_principal_roles pr
               join roles r on r.tenant_id = pr.tenant_id and r.id = pr.role_id
               where pr.tenant_id = $1 and pr.principal_id = p.id and r.code = 'admin') as admin,
       array(select distinct rp.permission
             from service_principal_roles pr
             join role_permissions rp on rp.tenant_id = pr.tenant_id and rp.role_id = pr.role_id
             where pr.tenant_id = $1 and pr.principal_id = p.id) as permissions
from api_keys k
join service_principals p on p.tenant_id = k.tenant_id and p.id = k.principal_id
where k.tenant_id = $1 and k.id = $2 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())

-- used: to the minute, so that a busy key does not write all the time
update api_keys set last_used_at = now()
where tenant_id = $1 and id = $2 and (last_used_at is null or last_used_at < now() - interval '1 minute')
