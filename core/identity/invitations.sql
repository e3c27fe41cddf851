-- withdraw_older: a new invitation takes the place of an open one
update invitations set revoked_at = now()
where tenant_id = $1 and lower(email) = lower($2) and accepted_at is null and revoked_at is null

-- invite: what the link refers to
insert into invitations (tenant_id, email, name, invited_by, expires_at)
values ($1, $2, $3, $4, now() + $5::interval) returning id

-- promise_role: given when the invitation is accepted
insert into invitation_roles (tenant_id, invitation_id, role_id) values ($1, $2, $3)

-- open_ones: what an administrator sees
select i.id, i.email, i.name, i.invited_by, i.created_at, i.expires_at,
       coalesce(array_agg(r.code order by r.code) filter (where r.code is not null), '{}') as roles
from invitations i
left join invitation_roles ir on ir.invitation_id = i.id
left join roles r on r.id = ir.role_id
where i.tenant_id = $1 and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
group by i.id order by i.email

-- withdraw: the link is worth nothing from now on
update invitations set revoked_at = now()
where tenant_id = $1 and id = $2 and accepted_at is null and revoked_at is null returning email

-- find_open: locked, so that of two that accept one is too late; by id, or by an address that a provider vouches for
select id, email, name from invitations
where tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::text is null or lower(email) = lower($3))
  and accepted_at is null and revoked_at is null and expires_at > now()
for update

-- promised_roles: those that are still there
select role_id from invitation_roles where tenant_id = $1 and invitation_id = $2

-- accept: good for one use
update invitations set accepted_at = now() where tenant_id = $1 and id = $2
