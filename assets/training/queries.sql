-- one_at_a_time: two runs of one tenant may start together, and "if not exists" is no lock
select pg_advisory_xact_lock(hashtext('goldlayer.training'));

-- create_candidates: the state of review; the drafts themselves stand in the lake
create table if not exists training.candidates (
    pair_id text primary key,
    status text not null default 'draft' check (status in ('draft', 'approved', 'corrected', 'rejected')),
    reviewer text,
    correction text,
    content_sha256 text not null,
    updated_at timestamptz not null default now(),
    check ((status = 'draft') = (reviewer is null)),
    check (status <> 'corrected' or correction is not null)
);
create index if not exists candidates_status on training.candidates (status);
comment on table training.candidates is 'State of review of each drafted training pair. One row per pair.';
comment on column training.candidates.pair_id is 'The pair in the lake table training.pairs.';
comment on column training.candidates.status is 'draft until a person approved, corrected or rejected it.';
comment on column training.candidates.reviewer is 'Who reviewed it; null for a draft.';
comment on column training.candidates.correction is 'What the reviewer put in place of the drafted diagnosis.';
comment on column training.candidates.content_sha256 is
    'Draft this state speaks for; if the lake''s draft has another hash, it changed after the review.';
comment on column training.candidates.updated_at is 'Last change, UTC.';

-- propose: new drafts wait for review; what a person decided is never touched
insert into training.candidates as old (pair_id, content_sha256)
select * from unnest($1::text[], $2::text[])
on conflict (pair_id) do update set content_sha256 = excluded.content_sha256, updated_at = now()
where old.status = 'draft' and old.content_sha256 <> excluded.content_sha256;

-- withdraw: drafts whose incident the lake no longer has; reviewed ones stay
delete from training.candidates where status = 'draft' and pair_id <> all($1::text[]);

-- states: how many pairs there are in each state
select status, count(*) as pairs from training.candidates group by status order by status;
