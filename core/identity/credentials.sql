-- sign_in: everything the door needs to know of somebody who says to be a member
select p.id, p.email, p.name, p.password_hash, p.password_version, m.active and m.by_password and p.active as active,
       coalesce(p.locked_until > now(), false) as locked
from people p join memberships m on m.person_id = p.id
where m.tenant_id = $1 and lower(p.email) = lower($2)

-- count_failure: counting and locking in one statement, so that parallel guesses all count
update people set
    failed_attempts = case when failed_attempts + 1 >= $2 then 0 else failed_attempts + 1 end,
    locked_until = case when failed_attempts + 1 >= $2 then now() + $3::interval else locked_until end
where id = $1 returning coalesce(locked_until > now(), false) as locked

-- clear_failures: a right password ends the count
update people set failed_attempts = 0, locked_until = null where id = $1 and failed_attempts > 0

-- store_hash: the hash is renewed when the parameters of the day are others
update people set password_hash = $2 where id = $1

-- change_password: only if nobody was faster; a new password also opens a door that was locked
update people set password_hash = $2, password_version = password_version + 1, failed_attempts = 0, locked_until = null
where id = $1 and password_version = $3 returning password_version

-- end_sessions: a password that was changed ends what the old one opened, in every tenant
select end_sessions_everywhere($1, $2, $3)

-- tenants_of_person: where somebody who gave their password may go
select id from tenants_of_person($1)
