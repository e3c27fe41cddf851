-- tell: for the administrators, or for everybody if the tenant has no such role; nothing while the cause stands already
insert into notifications (tenant_id, role_id, severity, subject, message, cause)
values ($1, (select id from roles where code = $2), $3, $4, $5, $6)
on conflict (tenant_id, cause) where cause is not null and closed_at is null do nothing returning true

-- settle: it is good again
update notifications set closed_at = now() where cause = $1 and closed_at is null returning subject

-- standing: what was told and is not over
select cause, created_at from notifications where cause is not null and closed_at is null order by created_at
