-- create_publication: evidence cites the version that a published table equals
create table if not exists kpi.publication (
    "table" text primary key,
    source text not null,
    delta_version bigint not null,
    rows bigint not null,
    run_id text not null,
    checks jsonb not null,
    at timestamptz not null
);
alter table kpi.publication add column if not exists withheld date[] not null default '{}';
comment on table kpi.publication is 'State of each table of this schema. One row per table.';
comment on column kpi.publication."table" is 'Name of the table within this schema.';
comment on column kpi.publication.source is 'Lake table it equals, layer and name.';
comment on column kpi.publication.delta_version is 'Version of the lake table it equals; -1 while that was never written.';
comment on column kpi.publication.rows is 'Rows it held when it was published.';
comment on column kpi.publication.run_id is 'Run that published it.';
comment on column kpi.publication.checks is 'Latest result of each check on the lake table: passed, warned or failed.';
comment on column kpi.publication.withheld is
    'Days on which a blocking check stands failed: of these it holds what was published before.';
comment on column kpi.publication.at is 'When it was published, UTC.';

-- one_at_a_time: two runs of one tenant may start together, and "if not exists" is no lock
select pg_advisory_xact_lock(hashtext('goldlayer.kpi'));

-- published_state: where the next publication starts from
select delta_version, withheld from kpi.publication where "table" = $1;

-- note_publication: in the transaction of the rows, so that note and rows cannot disagree
insert into kpi.publication as old ("table", source, delta_version, rows, run_id, checks, at, withheld)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict ("table") do update set
    source = excluded.source,
    delta_version = excluded.delta_version,
    rows = excluded.rows,
    run_id = excluded.run_id,
    checks = excluded.checks,
    at = excluded.at,
    withheld = excluded.withheld;
