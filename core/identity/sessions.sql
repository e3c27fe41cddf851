-- tenant_of_token: nothing but the refresh token itself says whose it is
select tenant_of_refresh_token($1)

-- open: whoever is a member now gets a session; nobody by a password that opens only other tenants
insert into sessions (tenant_id, person_id, method, address, device, expires_at)
select m.tenant_id, m.person_id, $3, $4, $5, now() + $6::interval
from memberships m join people p on p.id = m.person_id and p.active
where m.tenant_id = $1 and m.person_id = $2 and m.active and (m.by_password or $3 <> 'password')
returning id, expires_at, (select email from people where id = person_id) as email

-- signed_in: what an administrator sees as the last sign-in
update memberships set last_sign_in = now() where tenant_id = $1 and person_id = $2 returning role_version

-- sweep: a person's sessions that ended long ago, with their refresh tokens
delete from sessions
where tenant_id = $1 and person_id = $2 and coalesce(revoked_at, expires_at) < now() - interval '30 days'

-- add_refresh: only the hash of a refresh token is kept
insert into refresh_tokens (token_hash, tenant_id, session_id, parent) values ($1, $2, $3, $4)

-- take_refresh: both rows are locked, so that of two that come with one token one finds it used
select r.used_at is not null as used, s.id, s.person_id, s.expires_at, p.email, m.role_version,
       s.revoked_at is null and s.expires_at > now() and s.last_used_at > now() - $3::interval
           and m.active and p.active as open
from refresh_tokens r
join sessions s on s.tenant_id = r.tenant_id and s.id = r.session_id
join memberships m on m.tenant_id = s.tenant_id and m.person_id = s.person_id
join people p on p.id = m.person_id
where r.tenant_id = $1 and r.token_hash = $2
for update of r, s

-- family: asked once the session is locked, so that nobody is about to use one of them; a token that came in the same
-- place and was used, one that came in this one's place and was used, and whether this one was used a moment ago
select exists (select from refresh_tokens o where o.tenant_id = $1 and o.parent = r.parent
                   and o.token_hash <> r.token_hash and o.used_at is not null) as overtaken,
       exists (select from refresh_tokens o where o.tenant_id = $1 and o.parent = r.token_hash
                   and o.used_at is not null) as followed,
       coalesce(r.used_at > clock_timestamp() - $3::interval, false) as just_used
from refresh_tokens r where r.tenant_id = $1 and r.token_hash = $2

-- use_refresh: a refresh token is good for one use; brought again, the first use counts
update refresh_tokens set used_at = coalesce(used_at, now()) where tenant_id = $1 and token_hash = $2

-- touch: a session that is renewed is in use
update sessions set last_used_at = now() where tenant_id = $1 and id = $2

-- end: of a tenant, or of one person in it, or one alone
update sessions s set revoked_at = now(), revoked_because = $4
from people p
where s.tenant_id = $1 and ($2::uuid is null or s.person_id = $2) and ($3::uuid is null or s.id = $3)
  and s.revoked_at is null and p.id = s.person_id
returning s.id, s.person_id, p.email

-- sessions_of: what is open now, newest use first
select s.id, s.person_id, p.email, s.method, s.address, s.device, s.created_at, s.last_used_at, s.expires_at
from sessions s join people p on p.id = s.person_id
where s.tenant_id = $1 and ($2::uuid is null or s.person_id = $2)
  and s.revoked_at is null and s.expires_at > now() and s.last_used_at > now() - $3::interval
order by s.last_used_at desc, s.id

-- warn_person: somebody else may hold what only they should
insert into notifications (tenant_id, to_person, severity, subject, message) values ($1, $2, 'critical', $3, $4)

-- warn_admins: the tenant's administrators learn of it too
insert into notifications (tenant_id, role_id, severity, subject, message)
select tenant_id, id, 'critical', $3, $4 from roles where tenant_id = $1 and code = $2
