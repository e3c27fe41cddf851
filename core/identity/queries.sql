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
