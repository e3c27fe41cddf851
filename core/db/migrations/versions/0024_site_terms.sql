-- What was in force on a site, one row after the other: the site as it was described, and the contract. History of the
-- lake is read under the terms it was sent under. Of contracts superseded before this was kept nobody knows the site.
alter table contracts add unique (tenant_id, id);
create table site_terms (
    id bigint generated always as identity primary key,
    tenant_id uuid not null,
    site_id uuid not null,
    contract uuid not null,
    definition jsonb not null,
    since timestamptz not null default now(),
    foreign key (tenant_id, site_id) references sites (tenant_id, id) on delete cascade,
    foreign key (tenant_id, contract) references contracts (tenant_id, id) on delete cascade
);
create index site_terms_of_site on site_terms (site_id);

-- The owner is held to the policies as well, and has to see every tenant this once.
alter table contracts no force row level security;
alter table sites no force row level security;
insert into site_terms (tenant_id, site_id, contract, definition)
select s.tenant_id, s.id, c.id, s.definition from contracts c join sites s on s.id = c.site_id where c.active;
alter table contracts force row level security;
alter table sites force row level security;

alter table site_terms enable row level security;
alter table site_terms force row level security;
create policy read_own on site_terms for select using (tenant_id = current_tenant());
create policy add_own on site_terms for insert with check (tenant_id = current_tenant());
create policy change_own on site_terms for update using (tenant_id = current_tenant())
    with check (tenant_id = current_tenant());
create policy remove_own on site_terms for delete using (tenant_id = current_tenant());
grant select, insert on site_terms to goldlayer_app;
