-- Which words of a provider give which of its tenant's roles.
alter table identity_providers add column role_claim text check (role_claim <> '');

create table identity_provider_roles (
    tenant_id uuid not null,
    provider_id uuid not null,
    word text not null check (word <> ''),
    role_id uuid not null,
    primary key (tenant_id, provider_id, word, role_id),
    foreign key (tenant_id, provider_id) references identity_providers (tenant_id, id) on delete cascade,
    foreign key (tenant_id, role_id) references roles (tenant_id, id)
);

alter table identity_provider_roles enable row level security;
alter table identity_provider_roles force row level security;
create policy read_own on identity_provider_roles for select using (tenant_id = current_tenant());
create policy add_own on identity_provider_roles for insert with check (tenant_id = current_tenant());
create policy change_own on identity_provider_roles for update
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy remove_own on identity_provider_roles for delete using (tenant_id = current_tenant());

grant select, insert, delete on identity_provider_roles to goldlayer_app;
grant select on identity_provider_roles to goldlayer_admin;
