-- introduced: what a bridge says of itself when it connects
update bridges set version = $2, devices = $3 where bridge_id = $1

-- seen: a sign of life, and which outbox is in use; a bridge that was away is back, and whoever notes it first tells
with before as (select id, down_since from bridges where bridge_id = $1 for update)
update bridges b set last_seen = now(), incarnation = coalesce($2, b.incarnation), down_since = null
from before join bridges again on again.id = before.id join sites s on s.id = again.site_id
where b.id = before.id returning before.down_since, now() as at, s.site

-- beats: how it is now
update bridges set health = $2, health_at = now(), clock_offset_s = $3 where bridge_id = $1

-- remember: how it was; two gateways may hear it in one instant
insert into bridge_health (
    tenant_id, bridge_id, version, devices, devices_connected, outbox_rows, outbox_bytes, outbox_oldest_s,
    disk_free_bytes, cpu_percent, memory_bytes, clock_offset_s)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing

-- forget: what is past its time
delete from bridge_health where bridge_id = $1 and at < now() - $2::interval

-- silent: bridges of any tenant that nobody heard of for so long and that nobody was told of
select tenant_id, bridge_id from silent_bridges(now() - $1::interval)

-- goes: one of several gateways takes it down; the others find it down
update bridges b set down_since = last_seen from sites s
where b.bridge_id = $1 and s.id = b.site_id and b.down_since is null and b.last_seen < now() - $2::interval
returning b.down_since, s.site

-- tell: for the administrators, or for everybody if the tenant has no such role
insert into notifications (tenant_id, role_id, severity, subject, message)
values ($1, (select id from roles where code = $2), $3, $4, $5)

-- bridges: as they are
select b.bridge_id, s.site, b.incarnation, b.last_seen, b.down_since, b.version, b.devices, b.health, b.health_at,
       b.clock_offset_s, coalesce(b.last_seen > now() - $1::interval, false) as connected
from bridges b join sites s on s.id = b.site_id order by b.bridge_id

-- history: newest first
select at, version, devices, devices_connected, outbox_rows, outbox_bytes, outbox_oldest_s, disk_free_bytes,
       cpu_percent, memory_bytes, clock_offset_s
from bridge_health where bridge_id = $1 and at >= $2 order by at desc limit $3

-- notices: what a person or program is told and is not over, by name, by role, or with everybody
select n.id, n.severity, n.subject, n.message, n.action_url, n.created_at from notifications n
where n.dismissed_at is null and n.closed_at is null and (n.to_person = $1 or n.to_person is null and (n.role_id is null or n.role_id in (
    select r.role_id from membership_roles r join memberships m on m.id = r.membership_id
    where m.person_id = $1 and m.active
    union all select p.role_id from service_principal_roles p where p.principal_id = $1)))
order by n.created_at desc, n.id limit $2
