-- What a tenant has agreed to, for as long as it does: a row is a consent in force. Who gave and who withdrew it, and
-- when, stands in the audit log for ever.
create table tenant_consents (
    tenant_id uuid not null references tenants (id),
    purpose text not null check (purpose in ('fleet')),
    granted_at timestamptz not null default now(),
    primary key (tenant_id, purpose)
);
alter table tenant_consents enable row level security;
alter table tenant_consents force row level security;
create policy read_own on tenant_consents for select using (tenant_id = current_tenant());
create policy add_own on tenant_consents for insert with check (tenant_id = current_tenant());
create policy change_own on tenant_consents for update using (tenant_id = current_tenant())
    with check (tenant_id = current_tenant());
create policy remove_own on tenant_consents for delete using (tenant_id = current_tenant());
grant select, insert, delete on tenant_consents to goldlayer_app;
