-- chain: of the transaction's tenant, as it was written
select row_to_json(a)::text as line from audit_log a order by a.seq

-- mac_at: whether a copy is of this installation's own chain
select mac from audit_log where seq = $1
