-- truncate: what the function of this name answers, several times faster: in UTC no calendar of time zones is asked
CREATE MACRO {name}(part, moment TIMESTAMPTZ) AS
        -- times without end are null on the way and come back as they were
        coalesce(make_timestamptz(epoch_us(system.main.date_trunc(part, make_timestamp(epoch_us(moment))))), moment),
    (part, moment TIMESTAMP) AS system.main.date_trunc(part, moment),
    (part, moment DATE) AS system.main.date_trunc(part, moment),
    (part, moment INTERVAL) AS system.main.date_trunc(part, moment)

-- arrow: a version through the Delta library
CREATE VIEW {view} AS SELECT {columns} FROM {source}

-- files: a version from its own files; a column that a file lacks is null, one that was narrower is widened
CREATE VIEW {view} AS SELECT {columns} FROM (
    SELECT * FROM {source}
    UNION ALL BY NAME
    SELECT * FROM read_parquet(getvariable('{files}'), union_by_name = true, hive_partitioning = false)
)

-- files_by_day: likewise, of a table whose days are folders
CREATE VIEW {view} AS SELECT {columns} FROM (
    SELECT * FROM {source}
    UNION ALL BY NAME
    SELECT * FROM read_parquet(
        getvariable('{files}'), union_by_name = true, hive_types = struct_pack(date := DATE)
    )
)
