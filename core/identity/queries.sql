-- member: who a token speaks of, as things stand now; nobody once the session has ended
-- Every table is told its tenant: the policy then costs one comparison a query, not one a row.
select p.email, p.name, s.method, m.role_version,
       exists (select from membership_roles mr
               join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
               where mr.tenant_id = $1 and mr.membership_id = m.id and r.code = 'admin') as admin,
       array(select distinct rp.permission
             from membership_roles mr
             join role_permissions rp on rp.tenant_id = mr.tenant_id and rp.role_id = mr.role_id
             where mr.tenant_id = $1 and mr.membership_id = m.id) as permissions
from memberships m
join people p on p.id = m.person_id and p.active
join sessions s on s.tenant_id = m.tenant_id and s.person_id = m.person_id and s.id = $3
    and s.revoked_at is null and s.expires_at > now()
where m.tenant_id = $1 and m.person_id = $2 and m.active
