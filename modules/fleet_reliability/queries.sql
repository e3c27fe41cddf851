-- name: remaining_life
-- Latest estimate of every machine that has one, the shortest first.
SELECT equipment_id, equipment_type, as_of, age, life_median, life_low, life_high, unit, drivers, model_version
FROM gold.remaining_life
WHERE equipment_type = coalesce($equipment_type, equipment_type)
    AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
QUALIFY row_number() OVER (PARTITION BY equipment_id ORDER BY as_of DESC) = 1
ORDER BY life_median, equipment_id
LIMIT $top;

-- name: health
-- Latest health of every machine, the strangest first.
SELECT equipment_id, equipment_type, anomaly_score, top_signal, top_deviation, reason, date
FROM gold.health_daily
WHERE equipment_type = coalesce($equipment_type, equipment_type)
    AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
QUALIFY row_number() OVER (PARTITION BY equipment_id ORDER BY date DESC) = 1
ORDER BY anomaly_score DESC, equipment_id
LIMIT $top;

-- name: episodes
-- Fault episodes of one machine that overlap the period.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE equipment_id = $equipment
    AND fault_code = coalesce($fault_code, fault_code)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
ORDER BY raised_at
LIMIT 50;

-- name: deviations
-- The strongest day of each signal against the machine's own baseline, strongest signals first.
SELECT
    equipment_id, signal, any_value(unit) AS unit,
    arg_max(date, abs(deviation)) AS date, arg_max(mean, abs(deviation)) AS mean,
    arg_max(baseline, abs(deviation)) AS baseline, arg_max(deviation, abs(deviation)) AS deviation
FROM gold.deviation_daily
WHERE equipment_id = $equipment
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id, signal
HAVING max(abs(deviation)) IS NOT NULL
ORDER BY max(abs(deviation)) DESC, signal
LIMIT 5;

-- name: worst_health_day
-- The strangest day of one machine in the period.
SELECT equipment_id, date, anomaly_score, top_signal, reason
FROM gold.health_daily
WHERE equipment_id = $equipment
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY anomaly_score DESC, date
LIMIT 1;

-- name: days_with_data
-- Days the machine has health for: what to say when a period is empty.
SELECT equipment_id, min(date) AS first_day, max(date) AS last_day
FROM gold.health_daily
WHERE equipment_id = $equipment
GROUP BY equipment_id;

-- name: same_fault
-- Every episode of some fault codes, anywhere, in time order.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE list_contains($codes, fault_code)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND raised_at < coalesce($before, TIMESTAMPTZ '9999-01-01 00:00:00+00')
ORDER BY raised_at, equipment_id
LIMIT 100;

-- name: episodes_by_id
-- Episodes that the memory found, fetched from the lake so that their dates carry evidence.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE list_contains($ids, episode_id)
ORDER BY raised_at;

-- name: health_by_day
-- Strange days that the memory found, fetched from the lake so that their figures carry evidence.
SELECT
    concat(equipment_id, ' ', date) AS day_key, equipment_id, anomaly_score, top_signal, top_deviation, reason, date
FROM gold.health_daily
WHERE list_contains($days, concat(equipment_id, ' ', date))
ORDER BY date;

-- name: recent_episodes
-- What a machine was reported for last, when nobody says which incident is meant.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE equipment_id = $equipment
    AND fault_code = coalesce($fault_code, fault_code)
ORDER BY raised_at DESC
LIMIT 1;

-- name: kpi
-- One row a machine and key figure: sums for counts, else the mean over days.
SELECT
    equipment_id, kpi, any_value(unit) AS unit,
    CASE WHEN kpi IN ('fault_count', 'throughput') THEN sum(value) ELSE avg(value) END AS value,
    min(value) AS lowest, arg_min(date, value) AS lowest_day, max(value) AS highest, arg_max(date, value) AS highest_day,
    count(*) AS days, min(date) AS first_day, max(date) AS last_day
FROM gold.kpi_daily
WHERE kpi = coalesce($kpi, kpi)
    AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
    AND value IS NOT NULL
GROUP BY equipment_id, kpi
ORDER BY kpi, value DESC, equipment_id
LIMIT $top;

-- name: kpi_days
-- Days and key figures that exist: what to say when a question finds none.
SELECT kpi, min(date) AS first_day, max(date) AS last_day
FROM gold.kpi_daily
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY kpi
ORDER BY kpi;

-- name: compare_health
-- Mean and worst health of each machine in the period.
SELECT
    equipment_id, avg(anomaly_score) AS mean_anomaly_score, max(anomaly_score) AS worst_anomaly_score,
    arg_max(date, anomaly_score) AS worst_day, arg_max(top_signal, anomaly_score) AS worst_signal
FROM gold.health_daily
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id
ORDER BY mean_anomaly_score DESC, equipment_id
LIMIT $top;

-- name: compare_faults
-- Fault episodes of each machine in the period.
SELECT equipment_id, count(*) AS episodes, sum(duration_s) / 3600.0 AS fault_hours
FROM silver.fault_episodes
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id
ORDER BY episodes DESC, equipment_id
LIMIT $top;
