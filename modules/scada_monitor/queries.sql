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
SELECT 'signal' AS kind, equipment_type, signal, any_value(unit) AS unit
FROM silver.signal_hourly
WHERE equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY equipment_type, signal
ORDER BY equipment_type, signal
LIMIT 1000;

-- name: fault_codes
-- Fault codes that were ever raised.
SELECT 'fault_code' AS kind, equipment_type, fault_code, any_value(message) AS message
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

-- name: history_summary
-- One row over the whole window; the mean weighs each hour by the time a value was held in it.
SELECT
    equipment_id, signal, any_value(unit) AS unit, sum(mean * observed_s) / nullif(sum(observed_s), 0) AS mean,
    min(min) AS lowest, arg_min(hour, min) AS lowest_at, max(max) AS highest, arg_max(hour, max) AS highest_at,
    min(hour) AS first_hour, max(hour) AS last_hour, count(*) AS hours
FROM silver.signal_hourly
WHERE equipment_id = $equipment AND signal = $signal
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id, signal;

-- name: history_daily
-- The course of the signal, a row a day.
SELECT date, any_value(unit) AS unit, sum(mean * observed_s) / nullif(sum(observed_s), 0) AS mean, min(min) AS lowest, max(max) AS highest
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
-- Days on which a signal went highest (or lowest), the most extreme first.
SELECT
    equipment_id, signal, any_value(unit) AS unit, date,
    CASE WHEN $direction = 'highest' THEN max(max) ELSE min(min) END AS value,
    CASE WHEN $direction = 'highest' THEN arg_max(hour, max) ELSE arg_min(hour, min) END AS at_hour,
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

-- name: episodes
-- Fault episodes that overlap the window, in time order.
SELECT
    equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
ORDER BY raised_at, equipment_id
LIMIT $top;

-- name: episodes_by_equipment
-- The same episodes, one row a machine and fault code: since when, how often, and whether one is still open.
SELECT
    equipment_id, fault_code, any_value(level) AS level, count(*) AS episodes,
    min(raised_at) AS first_raised_at, max(raised_at) AS last_raised_at,
    count(*) FILTER (WHERE cleared_at IS NULL) AS open_episodes
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
GROUP BY equipment_id, fault_code
ORDER BY first_raised_at, equipment_id
LIMIT $top;

-- name: episode_coverage
-- When episodes were raised at all, to say so when a window is empty.
SELECT count(*) AS episodes, min(raised_at) AS first_raised_at, max(raised_at) AS last_raised_at
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code);

-- name: events
-- Single raise, clear and acknowledge records as they came.
SELECT event_id, equipment_id, ts, fault_code, severity, state, message
FROM silver.events
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND fault_code = coalesce($fault_code, fault_code)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY ts, event_id
LIMIT $top;
