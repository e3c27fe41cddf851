-- add_tenant: the row comes first and names the tenant's id; a second run finds it
insert into tenants (slug, name) values ($1, $2) on conflict (slug) do nothing

-- tenant_in_any_state: provisioning goes on with tenants that are not active yet
select id, slug, name, status from find_tenant($1)

-- find_tenant: a half-made tenant does not exist for anybody but provisioning
select id, slug, name, status from find_tenant($1) where status in ('active', 'suspended')

-- own_tenant: tokens and bridge keys lead to an id; a transaction sees the tenant it is for and no other
select id, slug, name, status from tenants where status in ('active', 'suspended')

-- list_tenants: the administrator's list
select id, slug, name, status from all_tenants() where status in ('active', 'suspended') order by slug

-- overview: one question, however many tenants there are
select t.slug, t.name, t.status, count(s.id) as sites
from tenants t left join sites s on s.tenant_id = t.id group by t.id order by t.slug

-- set_status: suspension takes effect at the next token check; gives the status before
update tenants set status = $2 from tenants as before
where tenants.id = $1 and before.id = tenants.id and before.status in ('active', 'suspended') returning before.status

-- finish_tenant: last step of provisioning
update tenants set status = 'active' where id = $1 and status = 'provisioning' returning id

-- lock_tenant: two commands that provision or register for one tenant wait for each other
select pg_advisory_xact_lock(hashtextextended('tenant:' || $1::text, 0))

-- seed_role: the templates every tenant starts with
insert into roles (tenant_id, code, name, built_in) values ($1, $2, $3, true) on conflict (tenant_id, code) do nothing

-- seed_permission: what a template may do before any module came
insert into role_permissions (tenant_id, role_id, permission)
select tenant_id, id, $3 from roles where tenant_id = $1 and code = $2
on conflict do nothing

-- site_in_force: what a registration may change, for the audit log
select s.definition, c.contract_id as contract, c.version, c.sha256
from sites s left join contracts c on c.site_id = s.id and c.active where s.site = $1

-- put_site: the newest site file counts
insert into sites (tenant_id, site, definition) values ($1, $2, $3)
on conflict (tenant_id, site) do update set definition = excluded.definition, updated_at = now()
returning id

-- retire_contracts: one contract of a site is in force
update contracts set active = false where site_id = $1 and active and sha256 <> $2

-- put_contract: history stays; a text that was in force before comes back into force
insert into contracts (tenant_id, site_id, contract_id, version, sha256, source, active)
values ($1, $2, $3, $4, $5, $6, true)
on conflict (site_id, sha256) do update set active = true

-- note_terms: what is in force from now on; nothing if it is already
insert into site_terms (tenant_id, site_id, contract, definition)
select $1, c.site_id, c.id, $3 from contracts c where c.site_id = $2 and c.active and not exists (
    select from (select contract, definition from site_terms where site_id = $2 order by id desc limit 1) newest
    where newest.contract = c.id and newest.definition = $3)

-- version_with_other_text: the same version under another text deserves a word in the log
select count(*) from contracts where site_id = $1 and version = $2 and sha256 <> $3

-- bridge_of_site: a bridge is made once
select bridge_id, key_file from bridges where site_id = $1

-- key_file_taken: two tenants may name a site alike, their key files must not be the same
select key_file_taken($1)

-- add_bridge: only the hash of its key is kept
insert into bridges (tenant_id, site_id, bridge_id, key_prefix, key_hash, key_file) values ($1, $2, $3, $4, $5, $6)

-- replace_bridge_key: a lost or leaked key
update bridges set key_hash = $2 where site_id = $1

-- bridge_by_prefix: a bridge signs in with nothing but its key
select tenant_id, bridge_id, site, key_hash from bridge_by_prefix($1)

-- registered_sites: everything a bridge, the gateway and the lake need to know of a tenant's sites
select s.site, s.definition, c.source, b.bridge_id
from sites s join contracts c on c.site_id = s.id and c.active join bridges b on b.site_id = s.id
order by s.site

-- terms: what was and is in force on sites, the oldest first; a contract superseded before sites were kept has none
select s.site, c.source, t.definition
from contracts c join sites s on s.id = c.site_id left join site_terms t on t.contract = c.id
order by s.site, t.id nulls first, c.created_at

-- contract_by_hash: batches in flight may still follow a contract that was superseded
select c.source from contracts c join sites s on s.id = c.site_id where s.site = $1 and c.sha256 = $2

-- bridges: what the administrator sees
select b.bridge_id, s.site, b.key_file, b.incarnation, b.last_seen
from bridges b join sites s on s.id = b.site_id order by b.bridge_id

-- bridge_standings: what a gateway asks again and again about those that are connected
select b.bridge_id, b.key_hash, c.sha256 as contract_sha256
from bridges b join contracts c on c.site_id = b.site_id and c.active
