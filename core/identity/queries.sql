-- sign_in: everything the door needs to know of somebody who says to be a member
select p.id, p.email, p.name, p.password_hash, coalesce(p.locked_until > now(), false) as locked
from people p join memberships m on m.person_id = p.id
where m.tenant_id = $1 and lower(p.email) = lower($2) and p.active and m.active

-- count_failure: counting and locking in one statement, so that parallel guesses all count
update people set
    failed_attempts = case when failed_attempts + 1 >= $2 then 0 else failed_attempts + 1 end,
    locked_until = case when failed_attempts + 1 >= $2 then now() + $3::interval else locked_until end
where id = $1 returning locked_until > now() as locked

-- clear_failures: a right password ends the count
update people set failed_attempts = 0, locked_until = null where id = $1 and failed_attempts > 0

-- store_hash: the hash is renewed when the parameters of the day are stronger
update people set password_hash = $2 where id = $1

-- member: who a token speaks of, as things stand now; nobody once the session has ended
select p.email, p.name, s.method, m.role_version,
       coalesce(bool_or(r.code = 'admin'), false) as admin,
       coalesce(array_agg(distinct rp.permission) filter (where rp.permission is not null), '{}') as permissions
from memberships m
join people p on p.id = m.person_id and p.active
join sessions s on s.tenant_id = m.tenant_id and s.person_id = m.person_id and s.id = $3
    and s.revoked_at is null and s.expires_at > now()
left join membership_roles mr on mr.membership_id = m.id
left join roles r on r.id = mr.role_id
left join role_permissions rp on rp.role_id = mr.role_id
where m.tenant_id = $1 and m.person_id = $2 and m.active
group by p.id, m.id, s.id
