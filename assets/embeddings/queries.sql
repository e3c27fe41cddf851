-- one_at_a_time: two runs of one tenant may start together, and "if not exists" is no lock
select pg_advisory_xact_lock(hashtext('goldlayer.memory'));

-- create_memory: modules search it by meaning, so the index is made with the table
create table if not exists memory.fault_memory (
    id text primary key,
    kind text not null check (kind in ('fault_episode', 'health_finding')),
    site text not null,
    equipment_id text not null,
    equipment_type text not null,
    episode_id text,
    happened_at timestamptz not null,
    text text not null,
    embedding vector(384) not null,
    model text not null,
    source_table text not null,
    delta_version bigint not null,
    updated_at timestamptz not null default now()
);
create index if not exists fault_memory_embedding on memory.fault_memory using hnsw (embedding vector_cosine_ops);
create index if not exists fault_memory_equipment on memory.fault_memory (equipment_id, happened_at);
comment on table memory.fault_memory is
    'What happened to machines, to be found by meaning. One row per fault, and per most unusual day of a machine and month.';
comment on column memory.fault_memory.id is 'Identity of the incident, the same in every run.';
comment on column memory.fault_memory.kind is 'fault_episode, or health_finding: a day unlike the machine''s own baseline.';
comment on column memory.fault_memory.site is 'Site of the machine.';
comment on column memory.fault_memory.equipment_id is 'The machine.';
comment on column memory.fault_memory.equipment_type is 'Its type.';
comment on column memory.fault_memory.episode_id is 'The fault in kpi.fault_episodes; null for a finding.';
comment on column memory.fault_memory.happened_at is 'Raising of the fault, or start of the day; source clock, UTC.';
comment on column memory.fault_memory.text is 'What happened, when, which signals deviated how, and how long.';
comment on column memory.fault_memory.embedding is 'Vector of the text, length 1; compare by cosine, within one model only.';
comment on column memory.fault_memory.model is 'Model that made the vector.';
comment on column memory.fault_memory.source_table is 'Lake table the incident was read from.';
comment on column memory.fault_memory.delta_version is 'Version of that table at which this text was written.';
comment on column memory.fault_memory.updated_at is 'When this text was written, UTC.';

-- held: a text that is there under the wanted model is not embedded again
select id, text, model from memory.fault_memory;

-- forget: incidents that the lake no longer has
delete from memory.fault_memory where id = any($1::text[]);

-- remember: new and changed texts with their vectors
insert into memory.fault_memory as old (
    id, kind, site, equipment_id, equipment_type, episode_id, happened_at, text, embedding, model, source_table,
    delta_version
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (id) do update set
    kind = excluded.kind,
    site = excluded.site,
    equipment_id = excluded.equipment_id,
    equipment_type = excluded.equipment_type,
    episode_id = excluded.episode_id,
    happened_at = excluded.happened_at,
    text = excluded.text,
    embedding = excluded.embedding,
    model = excluded.model,
    source_table = excluded.source_table,
    delta_version = excluded.delta_version,
    updated_at = now();

-- unfit: vectors that nothing can be compared with
select count(*) as vectors
from memory.fault_memory
where vector_dims(embedding) <> $1 or model <> $2 or abs(vector_norm(embedding) - 1) > 0.001;
