-- Nobody is made or looked up before they accept: an invitation tells its tenant nothing of who is known elsewhere.
create table invitations (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references tenants on delete cascade,
    email text not null,
    name text not null default '',
    invited_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    accepted_at timestamptz,
    revoked_at timestamptz,
    unique (tenant_id, id)
);
create unique index one_open_invitation on invitations (tenant_id, lower(email))
    where accepted_at is null and revoked_at is null;

create table invitation_roles (
    tenant_id uuid not null,
    invitation_id uuid not null,
    role_id uuid not null,
    primary key (invitation_id, role_id),
    foreign key (tenant_id, invitation_id) references invitations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
);

do $$
declare
    one text;
begin
    foreach one in array array['invitations', 'invitation_roles'] loop
        execute format('alter table %I enable row level security', one);
        execute format('alter table %I force row level security', one);
        execute format('create policy read_own on %I for select using (tenant_id = current_tenant())', one);
        execute format('create policy add_own on %I for insert with check (tenant_id = current_tenant())', one);
        execute format(
            'create policy change_own on %I for update using (tenant_id = current_tenant())'
            ' with check (tenant_id = current_tenant())', one);
        execute format('create policy remove_own on %I for delete using (tenant_id = current_tenant())', one);
    end loop;
end $$;

grant select, insert on invitations, invitation_roles to goldlayer_app;
grant update (accepted_at, revoked_at) on invitations to goldlayer_app;
grant select on invitations, invitation_roles to goldlayer_admin;
