-- note_step: after its work
insert into tenant_steps (tenant_id, operation, step) values ($1, $2, $3) on conflict do nothing

-- steps_done: of the transaction's tenant
select step from tenant_steps where operation = $1 order by done_at
