-- Everything a bridge must not forget, in one database, so that the contract's checkpoint, its state, its books and
-- the batches it made move in one transaction.

-- The journal: every reading at full resolution, in the order it came.
create table if not exists frames (
    id integer primary key autoincrement,
    received_at integer not null,          -- microseconds since the epoch, UTC
    rows integer not null,
    min_ts integer,                        -- source time of the oldest row; null in a frame without rows
    max_ts integer,
    payload blob not null,                 -- Arrow IPC stream, lz4; zstd in one of an earlier release
    notes text not null                    -- JSON: re-reads seen since the frame before
);
create index if not exists frames_by_time on frames (min_ts, max_ts);

-- Sealed stretches of the journal: their frames were taken out above and lie as Parquet files beside this database.
create table if not exists segments (
    id integer primary key autoincrement,
    file text not null unique,             -- in the folder `historian`
    last_frame integer not null,           -- newest frame in it
    rows integer not null,
    bytes integer not null,
    min_ts integer not null,
    max_ts integer not null,
    received_at integer not null           -- when the newest frame in it came
);
create index if not exists segments_by_time on segments (min_ts, max_ts);

-- The newest reading of each signal in those files: a look at all signals must not read them.
create table if not exists latest (
    equipment_id text not null,
    signal text not null,
    ts integer not null,
    value real,
    text text,
    quality integer not null,
    primary key (equipment_id, signal)
) without rowid;

-- How old the home folder was, by time that had passed, when retention first saw a file: readings age from then on.
create table if not exists segment_ages (
    segment integer primary key,
    seen_us integer not null
);

-- Newest source time of what retention has removed, so that nobody asks a device for it again.
create table if not exists forgotten (
    equipment_id text not null,
    signal text not null,
    newest_ts integer not null,
    primary key (equipment_id, signal)
) without rowid;

-- Source time that nobody read.
create table if not exists gaps (
    id integer primary key autoincrement,
    equipment_id text not null,
    from_us integer not null,              -- last reading before, exclusive
    to_us integer not null,                -- first reading after, exclusive
    reason text not null,
    found_at integer not null
);
create index if not exists gaps_by_time on gaps (equipment_id, from_us);

-- What became of gaps, and times without a link, until it has left for the platform.
create table if not exists gap_news (
    id integer primary key autoincrement,
    equipment_id text not null,
    from_us integer not null,
    to_us integer not null,
    reason text not null,
    state text not null                    -- found or void
);

-- Identity, checkpoint, totals.
create table if not exists meta (name text primary key, value text not null) without rowid;

-- What the contract remembers of one series: value last forwarded, open windows, raised rules.
create table if not exists series_state (
    equipment_id text not null,
    signal text not null,
    state text not null,
    primary key (equipment_id, signal)
) without rowid;

-- The bridge's own books, with the names that stay on site.
create table if not exists ledger (
    equipment_id text not null,
    signal text not null,
    read integer not null,
    withheld integer not null,
    contracted integer not null,
    suppressed integer not null,
    aggregated integer not null,
    forwarded integer not null,
    windows integer not null,
    rules integer not null,
    conflicting integer not null,
    redelivered integer not null,
    primary key (equipment_id, signal)
) without rowid;

-- What steps of the contract have counted since those rows were written: for each name its number and its increments,
-- 64-bit integers, zstd. Every so many steps they are added to the rows above.
create table if not exists ledger_names (
    number integer primary key,
    equipment_id text not null,
    signal text not null,
    unique (equipment_id, signal)
);
create table if not exists ledger_steps (
    id integer primary key,
    names integer not null,
    lines blob not null
);

-- Batches nobody has acknowledged yet, and the last number of each lane. A backlog is numbered as it leaves, because
-- neighbours leave together: until then `seq` is only its place, which is beyond every number that was given.
create table if not exists lanes (lane text primary key, seq integer not null) without rowid;
create table if not exists given (
    lane text primary key,
    seq integer not null,                  -- last number that was given
    place integer not null                 -- last place that has got one
) without rowid;
-- What an earlier version stored may have been sent as it is.
insert or ignore into given
select lane, seq, seq from lanes
where lane like '%-backlog' and not exists (select 1 from meta where name = 'backlog_numbered_late');
insert or ignore into meta values ('backlog_numbered_late', '1');
create table if not exists outbox (
    id integer primary key autoincrement,
    lane text not null,
    seq integer not null,
    live integer not null,
    rows integer not null,
    header text not null,
    payload blob not null,
    stored_us integer,                     -- null: stored by a version that did not note it
    unique (lane, seq)
);

-- How much that is, kept by the database itself: nobody counts millions of batches four times a second.
create table if not exists outbox_size (
    one integer primary key check (one = 1),
    batches integer not null,
    rows integer not null,
    bytes integer not null
);
insert or ignore into outbox_size
select 1, count(*), coalesce(sum(rows), 0), coalesce(sum(length(payload)), 0) from outbox;
create trigger if not exists outbox_grows after insert on outbox begin
    update outbox_size set batches = batches + 1, rows = rows + new.rows, bytes = bytes + length(new.payload);
end;
create trigger if not exists outbox_changes after update on outbox begin
    update outbox_size set rows = rows + new.rows - old.rows, bytes = bytes + length(new.payload) - length(old.payload);
end;
create trigger if not exists outbox_shrinks after delete on outbox begin
    update outbox_size set batches = batches - 1, rows = rows - old.rows, bytes = bytes - length(old.payload);
end;

-- Pipelines on site: every run with its counts, what was refused and why, what was loaded and must not be loaded again.
create table if not exists etl_runs (
    id integer primary key autoincrement,
    pipeline text not null,
    definition text not null,              -- SHA-256 of the pipeline's file
    cause text not null,                   -- schedule or command
    state text not null,                   -- running, done, failed or interrupted
    started_at integer not null,
    ended_at integer,
    inputs integer not null default 0,
    read integer not null default 0,
    filtered integer not null default 0,
    rejected integer not null default 0,
    written integer not null default 0,
    readings integer not null default 0,   -- new ones in the journal
    error text
);
create index if not exists etl_runs_by_pipeline on etl_runs (pipeline, id);
create table if not exists etl_rejects (
    id integer primary key autoincrement,
    run_id integer not null,
    input text not null,
    row integer,                           -- place in the input, from 1
    reason text not null,
    record text not null                   -- JSON
);
create index if not exists etl_rejects_by_run on etl_rejects (run_id);
create table if not exists etl_inputs (
    pipeline text not null,
    sha256 text not null,
    name text not null,
    stamp text not null,                   -- size and time of a file, so that it is not read to be recognised
    run_id integer not null,
    loaded_at integer not null,
    primary key (pipeline, sha256)
) without rowid;
create table if not exists etl_cursors (pipeline text primary key, cursor text not null) without rowid;

-- What somebody on site asked for, until a run takes it up.
create table if not exists etl_requests (
    id integer primary key autoincrement,
    pipeline text not null,
    again integer not null,                -- load what was loaded before as well
    run_id integer
);

-- What edge rules remember of their machines; moves with the name `rules_checkpoint` of `meta`.
create table if not exists rule_states (
    rule text primary key,
    event text not null,                   -- derived signal it makes
    definition text not null,              -- SHA-256 of rule and model
    machines text not null,                -- JSON: in the order in which the state has them
    inputs text not null,                  -- JSON: the same of the signals of each
    state blob not null                    -- columns one after the other, 64 bits a number
) without rowid;

-- The same of an earlier version, machine by machine: read once, then empty.
create table if not exists rule_memory (
    rule text not null,
    equipment_id text not null,
    event text not null,
    definition text not null,
    memory text not null,                  -- JSON
    primary key (rule, equipment_id)
) without rowid;

-- What happened to packages: installed, refused, rolled back, taken out.
create table if not exists package_history (
    id integer primary key autoincrement,
    at integer not null,
    name text not null,
    version text not null,
    sha256 text not null,
    action text not null,
    asked_by text not null,
    note text not null
);
