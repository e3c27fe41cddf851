-- name: equipment_types
-- How many machines of each type have data, and over which days.
SELECT
    'type' AS kind, equipment_type, count(DISTINCT equipment_id) AS machines,
    min(equipment_id) AS first_machine, max(equipment_id) AS last_machine, min(date) AS first_day, max(date) AS last_day
FROM silver.signal_hourly
WHERE equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY equipment_type
ORDER BY equipment_type;

-- name: equipment
-- Which machines have data, and over which days.
SELECT 'equipment' AS kind, site, equipment_id, equipment_type, min(date) AS first_day, max(date) AS last_day
FROM silver.signal_hourly
WHERE equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY site, equipment_id, equipment_type
ORDER BY equipment_id
LIMIT 1000;

-- name: signals
-- Signals that left the site, one row a type and signal, with the unit they are stored in.
SELECT 'signal' AS kind, equipment_type, signal, min(unit) AS unit
FROM silver.signal_hourly
WHERE equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY equipment_type, signal
ORDER BY equipment_type, signal
LIMIT 1000;

-- name: fault_codes
-- Fault codes that were ever raised.
SELECT 'fault_code' AS kind, equipment_type, fault_code, min(message) AS message
FROM silver.fault_episodes
WHERE equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY equipment_type, fault_code
ORDER BY equipment_type, fault_code
LIMIT 200;

-- name: coverage
-- Days with data of one signal of one machine: what to say when a window is empty.
SELECT equipment_id, min(date) AS first_day, max(date) AS last_day
FROM silver.signal_hourly
WHERE equipment_id = $equipment AND signal = $signal
GROUP BY equipment_id;

-- name: days_watched
-- Days with data of what was asked about: no fault on a day nobody watched is not a day without faults.
SELECT min(equipment_id) AS first_equipment_id, min(date) AS first_day, max(date) AS last_day
FROM silver.signal_hourly
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
HAVING count(*) > 0;

-- name: history_summary
-- One row over the whole window; the mean weighs each hour by the time a value was held in it. Ties go to the earliest
-- hour, so that the same question always has the same answer. The trend is a line through the hourly means.
SELECT
    equipment_id, signal, min(unit) AS unit, sum(mean * observed_s) / nullif(sum(observed_s), 0) AS mean,
    min(min) AS lowest, arg_min(hour, row(min, hour)) FILTER (WHERE min IS NOT NULL) AS lowest_at,
    max(max) AS highest, arg_min(hour, row(-max, hour)) FILTER (WHERE max IS NOT NULL) AS highest_at,
    arg_max(last, hour) AS latest, max(hour) AS latest_at, min(hour) AS first_hour, count(*) AS hours,
    regr_slope(mean, epoch(hour) / 86400.0) AS trend_per_day, regr_r2(mean, epoch(hour) / 86400.0) AS trend_fit
FROM silver.signal_hourly
WHERE equipment_id = $equipment AND signal = $signal
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id, signal;

-- name: history_beyond
-- How long a signal was beyond a limit.
SELECT
    equipment_id, signal, min(unit) AS unit, count(*) AS hours_beyond, count(DISTINCT date) AS days_beyond,
    min(hour) AS first_beyond, max(hour) AS last_beyond
FROM silver.signal_hourly
WHERE equipment_id = $equipment AND signal = $signal
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
    AND ($above IS NULL OR max > $above)
    AND ($below IS NULL OR min < $below)
GROUP BY equipment_id, signal;

-- name: baseline
-- What the signal was like when the machine was new here, and how much it varied then.
SELECT equipment_id, signal, unit, center AS baseline, spread
FROM gold.baseline
WHERE equipment_id = $equipment AND signal = $signal
ORDER BY last_ts DESC
LIMIT 1;

-- name: history_daily
-- The course of the signal, a row a day.
SELECT date, min(unit) AS unit, sum(mean * observed_s) / nullif(sum(observed_s), 0) AS mean, min(min) AS lowest, max(max) AS highest
FROM silver.signal_hourly
WHERE equipment_id = $equipment AND signal = $signal
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY date
ORDER BY date
LIMIT 400;

-- name: history_hourly
-- The course over a short window, a row an hour.
SELECT hour, unit, mean, min AS lowest, max AS highest
FROM silver.signal_hourly
WHERE equipment_id = $equipment AND signal = $signal
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY hour
LIMIT 400;

-- name: extremes
-- Days on which a signal went highest (or lowest), the most extreme first; ties go to the earliest.
SELECT
    equipment_id, signal, min(unit) AS unit, date,
    CASE WHEN $direction = 'highest' THEN max(max) ELSE min(min) END AS value,
    CASE WHEN $direction = 'highest' THEN arg_min(hour, row(-max, hour)) FILTER (WHERE max IS NOT NULL)
        ELSE arg_min(hour, row(min, hour)) FILTER (WHERE min IS NOT NULL) END AS at_hour,
    sum(mean * observed_s) / nullif(sum(observed_s), 0) AS mean
FROM silver.signal_hourly
WHERE signal = $signal
    AND equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id, signal, date
HAVING value IS NOT NULL
ORDER BY CASE WHEN $direction = 'highest' THEN -value ELSE value END, date, equipment_id
LIMIT $top;

-- name: episodes_by_code
-- The whole of it, one row a fault code: on how many machines, how often, how long, and how many are still open.
SELECT
    fault_code, arg_max(level, row(raised_at, level)) AS level,
    arg_max(message, row(raised_at, message)) FILTER (WHERE message IS NOT NULL) AS message,
    count(DISTINCT equipment_id) AS machines,
    count(*) AS episodes, count(*) FILTER (WHERE cleared_at IS NULL) AS open_episodes,
    count(DISTINCT equipment_id) FILTER (WHERE cleared_at IS NULL) AS open_machines,
    sum(duration_s) / 3600.0 AS hours, max(duration_s) / 3600.0 AS longest_h,
    arg_min(raised_at, row(-duration_s, raised_at)) FILTER (WHERE duration_s IS NOT NULL) AS longest_raised_at,
    min(raised_at) AS first_raised_at, max(raised_at) AS last_raised_at
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND ($state IS NULL OR cleared_at IS NULL)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
GROUP BY fault_code
ORDER BY open_episodes DESC, episodes DESC, fault_code;

-- name: episodes_by_machine
-- The same episodes, one row a machine and fault code, for when they are too many to list; the oldest first.
SELECT
    equipment_id, fault_code, count(*) AS episodes, count(*) FILTER (WHERE cleared_at IS NULL) AS open_episodes,
    min(raised_at) AS first_raised_at, max(raised_at) AS last_raised_at
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND ($state IS NULL OR cleared_at IS NULL)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
GROUP BY equipment_id, fault_code
ORDER BY first_raised_at, equipment_id
LIMIT $top;

-- name: episodes
-- Fault episodes that overlap the window, newest first.
SELECT
    equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND ($state IS NULL OR cleared_at IS NULL)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
ORDER BY raised_at DESC, equipment_id
LIMIT $top;

-- name: episode_coverage
-- When episodes were raised at all, to say so when a window is empty.
SELECT
    count(*) AS episodes, min(equipment_id) AS first_equipment_id, min(raised_at) AS first_raised_at, max(raised_at) AS last_raised_at
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
HAVING count(*) > 0;

-- name: events
-- Single raise, clear and acknowledge records as they came.
SELECT event_id, equipment_id, ts, fault_code, severity, state, message
FROM silver.events
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND fault_code = coalesce($fault_code, fault_code)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY ts, event_id
LIMIT $top;

-- name: latest_checks
-- The last result of every check on the tenant's tables, those that did not pass first; counts cover all of them.
WITH latest AS (
    SELECT
        "table" AS checked, "check" AS rule, status, observed, expected, day_first, day_last, "at" AS checked_at
    FROM ops.check_results
    QUALIFY row_number() OVER (PARTITION BY "table", "check" ORDER BY "at" DESC, run_id) = 1
)
SELECT
    *, count(*) OVER () AS checks, count(*) FILTER (WHERE status = 'passed') OVER () AS passed,
    min(checked_at) OVER () AS first_checked_at, max(checked_at) OVER () AS last_checked_at
FROM latest
ORDER BY CASE status WHEN 'failed' THEN 0 WHEN 'warned' THEN 1 ELSE 2 END, checked, rule
LIMIT 50;
