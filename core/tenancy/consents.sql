-- grant_consent: of the transaction's tenant; nothing if it is in force
insert into tenant_consents (tenant_id, purpose) values ($1, $2) on conflict do nothing returning purpose

-- withdraw_consent: of the transaction's tenant
delete from tenant_consents where tenant_id = $1 and purpose = $2 returning purpose

-- consents: of the transaction's tenant
select purpose, granted_at from tenant_consents order by purpose
