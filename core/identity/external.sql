-- linked: who a provider means, if it was settled before
select e.person_id, m.active and p.active as active
from external_identities e
join memberships m on m.tenant_id = e.tenant_id and m.person_id = e.person_id
join people p on p.id = m.person_id
where e.tenant_id = $1 and e.provider = $2 and e.subject = $3

-- member_by_email: a member whom the provider has not named before; not one it already knows under another subject,
-- for an address that was given to somebody else does not hand over the account
select p.id as person_id, m.active and p.active and not exists (
    select from external_identities e where e.tenant_id = m.tenant_id and e.person_id = p.id and e.provider = $3
) as active
from people p join memberships m on m.person_id = p.id
where m.tenant_id = $1 and lower(p.email) = lower($2)

-- link: from now on the provider's subject is enough, whatever becomes of the e-mail address
insert into external_identities (tenant_id, provider, subject, person_id, email) values ($1, $2, $3, $4, $5)

-- seen: the address the provider has now
update external_identities set email = $4, last_used_at = now()
where tenant_id = $1 and provider = $2 and subject = $3
