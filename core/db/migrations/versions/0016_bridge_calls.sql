-- A call to a bridge while it is on its way: the caller adds and removes the row, the gateway with the socket answers.
create table bridge_calls (
    id uuid primary key,
    tenant_id uuid not null,
    bridge_id text not null,
    tool text not null,
    arguments jsonb not null,
    asked_by text not null,
    deadline timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'taken', 'done')),
    answer jsonb,
    check ((state = 'done') = (answer is not null)),
    foreign key (tenant_id, bridge_id) references bridges (tenant_id, bridge_id) on delete cascade
);
create index bridge_calls_bridge on bridge_calls (tenant_id, bridge_id);

alter table bridge_calls enable row level security;
alter table bridge_calls force row level security;
create policy read_own on bridge_calls for select using (tenant_id = current_tenant());
create policy add_own on bridge_calls for insert with check (tenant_id = current_tenant());
create policy change_own on bridge_calls for update
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy remove_own on bridge_calls for delete using (tenant_id = current_tenant());
grant select, insert, delete on bridge_calls to goldlayer_app;
grant update (state, answer) on bridge_calls to goldlayer_app;
