-- add_provider: one more way into a tenant
insert into identity_providers
    (tenant_id, name, label, kind, issuer, client_id, metadata_url, metadata, domains, trusts_email, role_id,
     has_secret, role_claim)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
returning id

-- add_role: a word of the provider, and what it gives
insert into identity_provider_roles (tenant_id, provider_id, word, role_id) values ($1, $2, $3, $4)

-- providers: a tenant has a handful, so every question reads them all
select p.id, p.name, p.label, p.kind, p.issuer, p.client_id, p.metadata_url, p.metadata, p.domains, p.trusts_email,
       r.code as just_in_time_role, p.enabled, p.has_secret, p.role_claim, given.words, given.codes
from identity_providers p
left join roles r on r.id = p.role_id
cross join lateral (
    select coalesce(array_agg(m.word order by m.word, g.code), '{}') as words,
           coalesce(array_agg(g.code order by m.word, g.code), '{}') as codes
    from identity_provider_roles m join roles g on g.id = m.role_id
    where m.tenant_id = p.tenant_id and m.provider_id = p.id
) given
where p.tenant_id = $1 order by p.name

-- set_enabled: what is known of its people stays
update identity_providers p set enabled = $3
from (select id, enabled from identity_providers where tenant_id = $1 and name = $2 for update) was
where p.tenant_id = $1 and p.id = was.id returning was.enabled as before

-- remove_provider: its used words go with it
delete from identity_providers where tenant_id = $1 and name = $2 returning id

-- forget_people: whom a provider stood for
delete from external_identities where tenant_id = $1 and provider = $2

-- use_up: of two that come at once, one is first
insert into used_sign_ins (tenant_id, provider_id, word_hash, expires_at) values ($1, $2, $3, $4)
on conflict do nothing returning provider_id

-- sweep: words that are too old to be used anyway, also by a clock that is behind the database's
delete from used_sign_ins where tenant_id = $1 and expires_at < now() - interval '1 hour'
