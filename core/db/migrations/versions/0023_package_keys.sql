-- The public half of every key that a tenant's packages were signed with, and what the key before it has signed of it:
-- a gateway hands them over to bridges and never comes near a private half. Keys are only ever added.
create table package_keys (
    tenant_id uuid not null references tenants (id),
    number int not null check (number > 0),
    public_key text not null,                 -- PEM
    endorsement text,                         -- base64; nothing for the first key, or after one that was lost
    secret_version int not null,              -- of the private half, in the tenant's vault
    created_at timestamptz not null default now(),
    primary key (tenant_id, number)
);
alter table package_keys enable row level security;
alter table package_keys force row level security;
create policy read_own on package_keys for select using (tenant_id = current_tenant());
create policy add_own on package_keys for insert with check (tenant_id = current_tenant());
create policy change_own on package_keys for update using (tenant_id = current_tenant())
    with check (tenant_id = current_tenant());
create policy remove_own on package_keys for delete using (tenant_id = current_tenant());
grant select, insert on package_keys to goldlayer_app;
