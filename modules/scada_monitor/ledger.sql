-- name: totals
-- The books of everything in question in one row. Of each line (site, machine, signal, hour) what was sent and has not
-- arrived is lost if its lane has gone past it, else in flight; what arrived beyond what was sent, or twice
-- under one number, is duplicated.
SELECT
    count(*) AS lines, min(hour) AS first_hour, max(hour) AS last_hour,
    CAST(sum("read") AS BIGINT) AS "read", CAST(sum(withheld) AS BIGINT) AS withheld,
    CAST(sum(sent) AS BIGINT) AS sent, CAST(sum(bronze) AS BIGINT) AS bronze,
    CAST(sum(quarantined) AS BIGINT) AS quarantined, CAST(sum(silver) AS BIGINT) AS silver,
    CAST(sum(superseded) AS BIGINT) AS superseded, CAST(sum(rejected) AS BIGINT) AS rejected,
    CAST(sum(coalesce(lost, 0)) AS BIGINT) AS lost, CAST(sum(greatest(in_flight, 0)) AS BIGINT) AS in_flight,
    CAST(sum(greatest(-in_flight, 0) + coalesce(doubled, 0)) AS BIGINT) AS duplicated,
    100.0 * (sum(sent) - sum(greatest(in_flight, 0) + coalesce(lost, 0))) / nullif(sum(sent), 0) AS arrived_percent,
    count(*) FILTER (
        WHERE "read" <> withheld + contracted OR contracted <> forwarded + suppressed + aggregated
            OR in_flight < 0 OR lost > 0 OR doubled > 0 OR bronze <> silver + superseded + rejected
    ) AS broken_lines
FROM ops.books
WHERE site = coalesce($site, site)
    AND equipment_id = coalesce($equipment, equipment_id)
    AND ($signal IS NULL OR signal = $signal OR starts_with(signal, concat($signal, ':')))
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
HAVING count(*) > 0;

-- name: by_machine
-- The same, one row a machine; what is short comes first.
SELECT
    site, equipment_id, CAST(sum("read") AS BIGINT) AS "read", CAST(sum(withheld) AS BIGINT) AS withheld,
    CAST(sum(sent) AS BIGINT) AS sent, CAST(sum(bronze) AS BIGINT) AS bronze, CAST(sum(silver) AS BIGINT) AS silver,
    CAST(sum(coalesce(lost, 0)) AS BIGINT) AS lost, CAST(sum(greatest(in_flight, 0)) AS BIGINT) AS in_flight,
    CAST(sum(greatest(-in_flight, 0) + coalesce(doubled, 0)) AS BIGINT) AS duplicated
FROM ops.books
WHERE site = coalesce($site, site)
    AND ($signal IS NULL OR signal = $signal OR starts_with(signal, concat($signal, ':')))
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY site, equipment_id
ORDER BY lost DESC, in_flight DESC, duplicated DESC, site, equipment_id
LIMIT $top;

-- name: by_signal
-- The same of one machine, one row a signal as the bridge counts it: `*` are withheld ones, `rule:<name>` edge rules.
SELECT
    site, equipment_id, signal, CAST(sum("read") AS BIGINT) AS "read", CAST(sum(withheld) AS BIGINT) AS withheld,
    CAST(sum(sent) AS BIGINT) AS sent, CAST(sum(bronze) AS BIGINT) AS bronze, CAST(sum(silver) AS BIGINT) AS silver,
    CAST(sum(coalesce(lost, 0)) AS BIGINT) AS lost, CAST(sum(greatest(in_flight, 0)) AS BIGINT) AS in_flight,
    CAST(sum(greatest(-in_flight, 0) + coalesce(doubled, 0)) AS BIGINT) AS duplicated
FROM ops.books
WHERE site = coalesce($site, site)
    AND equipment_id = $equipment
    AND ($signal IS NULL OR signal = $signal OR starts_with(signal, concat($signal, ':')))
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY site, equipment_id, signal
ORDER BY lost DESC, in_flight DESC, duplicated DESC, site, signal
LIMIT $top;

-- name: coverage
-- Which days have books at all, to say so when a period has none.
SELECT min(date) AS first_day, max(date) AS last_day
FROM ops.books
WHERE site = coalesce($site, site) AND equipment_id = coalesce($equipment, equipment_id)
HAVING count(*) > 0;

-- name: gap_reasons
-- Source time that nobody read, and times without a link (machine `*`: nothing is missing, it came later), one row a
-- machine and reason; of a gap the part that lies in the period.
SELECT
    site, equipment_id, reason, count(*) AS gaps, min(ts) AS first_since, max("until") AS last_until,
    sum(epoch(least("until", coalesce(CAST($last AS DATE) + INTERVAL 1 DAY, "until")))
        - epoch(greatest(ts, coalesce(CAST($first AS DATE), ts)))) / 3600.0 AS hours
FROM ops.gaps
WHERE site = coalesce($site, site)
    AND equipment_id IN (coalesce($equipment, equipment_id), '*')
    AND reason <> 'bad_quality'
    AND ts < coalesce(CAST($last AS DATE) + INTERVAL 1 DAY, TIMESTAMP '9999-12-31')
    AND "until" > coalesce(CAST($first AS DATE), DATE '0001-01-01')
GROUP BY site, equipment_id, reason
ORDER BY hours DESC, site, equipment_id, reason
LIMIT $top;

-- name: gaps
-- The same gaps one by one, the longest first.
SELECT site, equipment_id, reason, ts AS since, "until", duration_s / 3600.0 AS hours
FROM ops.gaps
WHERE site = coalesce($site, site)
    AND equipment_id IN (coalesce($equipment, equipment_id), '*')
    AND reason <> 'bad_quality'
    AND ts < coalesce(CAST($last AS DATE) + INTERVAL 1 DAY, TIMESTAMP '9999-12-31')
    AND "until" > coalesce(CAST($first AS DATE), DATE '0001-01-01')
ORDER BY duration_s DESC, ts, site, equipment_id
LIMIT $top;

-- name: bad_quality
-- Source time in which one machine was read and its device said that it did not know: spells of bad quality signal by
-- signal, each of its day; the most readings first.
SELECT site, equipment_id, signal, reason, ts AS since, "until", readings
FROM ops.gaps
WHERE site = coalesce($site, site)
    AND equipment_id = $equipment
    AND reason = 'bad_quality'
    AND ($signal IS NULL OR signal = $signal OR starts_with(signal, concat($signal, ':')))
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY readings DESC, since, signal
LIMIT $top;
