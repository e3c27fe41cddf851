-- register: under the id it had, which roles, keys and evidence are made from
insert into tenants (id, slug, name, status, created_at) values ($1, $2, $3, 'importing', $4)
on conflict do nothing returning id

-- slug_of_own: of the transaction's tenant
select slug from tenants

-- finish_import: as active or suspended as it was
update tenants set status = $2 where id = $1 and status = 'importing' returning id

-- begin_removal: from any state
update tenants set status = 'removing' where id = $1

-- strike_out: where it is and how far it came go along
delete from tenants where id = $1

-- created_at: of the transaction's tenant
select created_at from tenants

-- lock_moving: two commands that move one tenant wait for each other
select pg_advisory_xact_lock(hashtextextended('moving:' || $1::text, 0))

-- shut_at: since when nobody is let in any more
select done_at from tenant_steps where operation = $1 and step = $2
