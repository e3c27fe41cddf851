-- lock_chain: two records of one chain must not follow the same predecessor; taken last, held until commit
select pg_advisory_xact_lock(hashtextextended('audit:' || $1::uuid::text, 0))

-- head: what the next record is chained to
select seq, mac from audit_log where chain = $1 order by seq desc limit 1

-- add: the only way a record comes into being
insert into audit_log (
    tenant_id, seq, at, format, actor_kind, actor, acting_for, interface, request_id, action, target, before, after,
    outcome, previous_mac, mac)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::json, $13::text::json, $14, $15, $16)

-- chain: records as they were written, in order, for recomputing the chain
select seq, at, format, actor_kind, actor, acting_for, interface, request_id, action, target, before::text as before,
    after::text as after, outcome, previous_mac, mac
from audit_log where chain = $1 and seq > $2 order by seq limit $3

-- newest: what an administrator looks at first
select tenant_id, seq, at, actor_kind, actor, acting_for, interface, request_id, action, target, before, after, outcome
from audit_log where chain = $1 order by seq desc limit $2
