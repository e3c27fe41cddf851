-- add: what callers who died have left behind goes with the next call of the same tenant
with swept as (delete from bridge_calls where deadline < now() - interval '1 minute')
insert into bridge_calls (id, tenant_id, bridge_id, tool, arguments, asked_by, deadline)
values ($1, $2, $3, $4, $5, $6, now() + $7::float * interval '1 second')

-- tell_gateways: every gateway hears it, the one with the socket takes the row
select pg_notify('bridge_calls', $1)

-- take: the row is the call; whatever a notification says, only a row of the bridge's own tenant is one
update bridge_calls set state = 'taken'
where id = $1 and bridge_id = $2 and state = 'pending' and deadline > now()
returning tool, arguments, asked_by, greatest(1, extract(epoch from deadline - now()) * 1000)::int as timeout_ms

-- waiting: a gateway that lost its connection may have missed calls
select id from bridge_calls where bridge_id = $1 and state = 'pending' and deadline > now()

-- finish: the caller may be gone, and the row with it
update bridge_calls set state = 'done', answer = $2 where id = $1 and state = 'taken'

-- tell_callers: every caller's process hears it, the one that waits for this id reads the row
select pg_notify('bridge_answers', $1)

-- look: how far the call is
select state, answer from bridge_calls where id = $1

-- remove: an answer is read once; a call nobody waits for is over
delete from bridge_calls where id = $1 returning state

-- places: every bridge with what its site file says is behind it
select b.bridge_id, s.site, s.definition, b.last_seen
from bridges b join sites s on s.id = b.site_id order by s.site, b.bridge_id
