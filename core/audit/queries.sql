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

-- newest: what somebody looks at first; a filter that is null lets everything through
select tenant_id, chain, seq, at, actor_kind, actor, acting_for, interface, request_id, action, target, before, after,
    outcome, previous_mac, mac
from audit_log
where ($1::uuid is null or chain = $1) and ($2::timestamptz is null or at >= $2) and ($3::timestamptz is null or at < $3)
    and ($4::text is null or action like $4) and ($5::text is null or target like $5)
    and ($6::text is null or outcome = $6) and ($7::text is null or request_id = $7)
    and ($8::text is null or actor like $8 or acting_for like $8 or actor_kind || ':' || actor like $8)
order by at desc, chain, seq desc limit $9

-- oldest: the same from the other end, page by page after the last record of the page before
select tenant_id, chain, seq, at, actor_kind, actor, acting_for, interface, request_id, action, target, before, after,
    outcome, previous_mac, mac
from audit_log
where ($1::uuid is null or chain = $1) and ($2::timestamptz is null or at >= $2) and ($3::timestamptz is null or at < $3)
    and ($4::text is null or action like $4) and ($5::text is null or target like $5)
    and ($6::text is null or outcome = $6) and ($7::text is null or request_id = $7)
    and ($8::text is null or actor like $8 or acting_for like $8 or actor_kind || ':' || actor like $8)
    and ($10::timestamptz is null or (at, chain, seq) > ($10, $11::uuid, $12::bigint))
order by at, chain, seq limit $9

-- chains: every chain that has a record
select distinct chain from audit_log
