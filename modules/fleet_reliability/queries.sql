-- name: remaining_life
-- Latest estimate of every machine that has one, the shortest (or longest) first; `machines` counts all that fit.
WITH latest AS (
    SELECT equipment_id, equipment_type, as_of, age, life_median, life_low, life_high, unit, drivers, model_version
    FROM gold.remaining_life
    WHERE equipment_type = coalesce($equipment_type, equipment_type)
        AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
    QUALIFY row_number() OVER (PARTITION BY equipment_id ORDER BY as_of DESC) = 1
)
-- The model's quantiles are those of 5 and 95 %.
SELECT *, 90 AS interval_percent, count(*) OVER () AS machines
FROM latest
WHERE ($below IS NULL OR life_median < $below) AND ($above IS NULL OR life_median > $above)
ORDER BY CASE WHEN $order = 'best' THEN -life_median ELSE life_median END, equipment_id
LIMIT $top;

-- name: health
-- Latest health of every machine, the strangest (or most normal) first.
SELECT equipment_id, equipment_type, anomaly_score, top_signal, top_deviation, date
FROM gold.health_daily
WHERE equipment_type = coalesce($equipment_type, equipment_type)
    AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
QUALIFY row_number() OVER (PARTITION BY equipment_id ORDER BY date DESC) = 1
ORDER BY CASE WHEN $order = 'best' THEN anomaly_score ELSE -anomaly_score END, equipment_id
LIMIT $top;

-- name: open_faults
-- What stands on some machines, the longest standing first.
SELECT equipment_id, fault_code, level, message, raised_at
FROM silver.fault_episodes
WHERE list_contains($equipment, equipment_id) AND cleared_at IS NULL
ORDER BY raised_at, equipment_id, fault_code
LIMIT 50;

-- name: episodes
-- Fault episodes that overlap the period, newest first.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
ORDER BY raised_at DESC, equipment_id
LIMIT 50;

-- name: episode_counts
-- The same episodes counted, one row a fault code.
SELECT
    fault_code, arg_max(level, row(raised_at, level)) AS level, count(*) AS episodes,
    count(DISTINCT equipment_id) AS machines,
    count(*) FILTER (WHERE date >= coalesce($first, DATE '0001-01-01')) AS raised_within,
    count(*) FILTER (WHERE date < coalesce($first, DATE '0001-01-01')) AS standing_before
FROM silver.fault_episodes
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND fault_code = coalesce($fault_code, fault_code)
    AND date <= coalesce($last, DATE '9999-12-31')
    AND (cleared_at IS NULL OR CAST(cleared_at AS DATE) >= coalesce($first, DATE '0001-01-01'))
GROUP BY fault_code
ORDER BY episodes DESC, fault_code;

-- name: deviations
-- The strongest day of each signal against the machine's own baseline, strongest signals first; of a signal's windows
-- the strongest one speaks.
SELECT
    equipment_id, arg_min(signal, row(-abs(deviation), date, signal)) AS signal,
    arg_min(unit, row(-abs(deviation), date, signal)) AS unit,
    arg_min(date, row(-abs(deviation), date, signal)) AS date,
    arg_min(mean, row(-abs(deviation), date, signal)) AS mean,
    arg_min(baseline, row(-abs(deviation), date, signal)) AS baseline,
    arg_min(deviation, row(-abs(deviation), date, signal)) AS deviation
FROM gold.deviation_daily
WHERE equipment_id = $equipment AND deviation IS NOT NULL
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id, split_part(signal, ':', 1)
ORDER BY max(abs(deviation)) DESC, signal
LIMIT 5;

-- name: worst_health_day
-- The strangest day of one machine in the period.
SELECT equipment_id, date, anomaly_score, top_signal
FROM gold.health_daily
WHERE equipment_id = $equipment
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY anomaly_score DESC, date
LIMIT 1;

-- name: life_in_period
-- The last estimate of one machine's remaining life in the period, with what drives it.
SELECT equipment_id, as_of, age, life_median, life_low, life_high, 90 AS interval_percent, unit, drivers, model_version
FROM gold.remaining_life
WHERE equipment_id = $equipment
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
ORDER BY as_of DESC
LIMIT 1;

-- name: strangest_machines
-- The strangest day of each machine in the period, the strangest machines first.
SELECT equipment_id, date, anomaly_score, top_signal, top_deviation
FROM gold.health_daily
WHERE equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
QUALIFY row_number() OVER (PARTITION BY equipment_id ORDER BY anomaly_score DESC, date) = 1
ORDER BY anomaly_score DESC, equipment_id
LIMIT 3;

-- name: days_with_data
-- Days with readings: what to say when a period is empty.
SELECT min(equipment_id) AS first_equipment_id, min(date) AS first_day, max(date) AS last_day
FROM silver.signal_hourly
WHERE equipment_id = coalesce($equipment, equipment_id)
    AND equipment_type = coalesce($equipment_type, equipment_type)
HAVING count(*) > 0;

-- name: same_fault
-- Episodes of some fault codes anywhere, newest first.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE list_contains($codes, fault_code)
ORDER BY raised_at DESC, equipment_id
LIMIT 200;

-- name: same_fault_counts
-- The same episodes counted: before, during and after the incident, on the same machine and on others.
SELECT
    coalesce(equipment_id = $equipment, false) AS same_machine,
    CASE WHEN raised_at < $before THEN 'before' WHEN raised_at > $after THEN 'after' ELSE 'during' END AS side,
    count(*) AS episodes, count(DISTINCT equipment_id) AS machines
FROM silver.fault_episodes
WHERE list_contains($codes, fault_code)
GROUP BY same_machine, side
ORDER BY same_machine DESC, side;

-- name: episodes_by_id
-- Episodes that the memory found, fetched from the lake so that their dates carry evidence.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE list_contains($ids, episode_id)
ORDER BY raised_at DESC, equipment_id;

-- name: health_by_day
-- Strange days that the memory found, fetched from the lake so that their figures carry evidence.
SELECT
    concat(equipment_id, ' ', date) AS day_key, equipment_id, anomaly_score, top_signal, top_deviation, date
FROM gold.health_daily
WHERE list_contains($days, concat(equipment_id, ' ', date))
ORDER BY date DESC, equipment_id;

-- name: recent_episodes
-- What a machine was reported for last, when nobody says which incident is meant.
SELECT episode_id, equipment_id, fault_code, level, message, raised_at, cleared_at, duration_s / 3600.0 AS duration_h
FROM silver.fault_episodes
WHERE equipment_id = $equipment
    AND fault_code = coalesce($fault_code, fault_code)
ORDER BY raised_at DESC, fault_code
LIMIT 1;

-- name: kpi
-- One row a machine and key figure: sums for counts; the latest value for what already runs over everything
-- up to its day; else the mean over days. Ties go to the earliest day.
WITH figures AS (
    SELECT
        equipment_id, kpi, min(unit) AS unit,
        CASE WHEN kpi IN ('fault_count', 'throughput') THEN sum(value)
            WHEN kpi IN ('operating_time', 'mtbf', 'mttr') THEN arg_max(value, date)
            ELSE avg(value) END AS figure,
        min(value) AS lowest, arg_min(date, row(value, date)) AS lowest_day,
        max(value) AS highest, arg_min(date, row(-value, date)) AS highest_day,
        count(*) AS days, min(date) AS first_day, max(date) AS last_day
    FROM gold.kpi_daily
    WHERE kpi = coalesce($kpi, kpi)
        AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
        AND equipment_type = coalesce($equipment_type, equipment_type)
        AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
        AND value IS NOT NULL
    GROUP BY equipment_id, kpi
)
SELECT equipment_id, kpi, unit, figure AS value, lowest, lowest_day, highest, highest_day, days, first_day, last_day
FROM figures
ORDER BY kpi, CASE WHEN $order = 'lowest' THEN figure ELSE -figure END, equipment_id
LIMIT $top;

-- name: kpi_totals
-- What can be added up over several machines, added up; one row a key figure of more than one machine.
SELECT kpi, min(unit) AS unit, sum(value) AS total, count(DISTINCT equipment_id) AS machines,
    count(DISTINCT equipment_id) FILTER (WHERE value > 0) AS machines_with_any
FROM gold.kpi_daily
WHERE kpi IN ('fault_count', 'throughput') AND kpi = coalesce($kpi, kpi)
    AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
    AND value IS NOT NULL
GROUP BY kpi
HAVING count(DISTINCT equipment_id) > 1
ORDER BY kpi;

-- name: kpi_days
-- Days and key figures that exist: what to say when a question finds none.
SELECT kpi, min(equipment_id) AS first_equipment_id, min(date) AS first_day, max(date) AS last_day
FROM gold.kpi_daily
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
GROUP BY kpi
ORDER BY kpi;

-- name: compare_health
-- Mean and worst health of each machine in the period.
SELECT
    equipment_id, avg(anomaly_score) AS mean_anomaly_score, max(anomaly_score) AS worst_anomaly_score,
    arg_min(date, row(-anomaly_score, date)) AS worst_day, arg_min(top_signal, row(-anomaly_score, date)) AS worst_signal,
    count(*) AS days
FROM gold.health_daily
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id
ORDER BY mean_anomaly_score DESC, equipment_id
LIMIT $top;

-- name: compare_total_health
-- The machines of a comparison taken together, to hold one period against another.
SELECT avg(anomaly_score) AS mean_anomaly_score, count(DISTINCT equipment_id) AS machines, count(DISTINCT date) AS days
FROM gold.health_daily
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
HAVING count(*) > 0;

-- name: compare_total_faults
-- Their fault episodes that were raised in the period, taken together.
SELECT count(*) AS episodes, count(DISTINCT equipment_id) AS machines_with_faults
FROM silver.fault_episodes
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31');

-- name: compare_faults
-- Fault episodes of each machine that were raised in the period.
SELECT equipment_id, count(*) AS episodes, sum(duration_s) / 3600.0 AS fault_hours
FROM silver.fault_episodes
WHERE ($equipment IS NULL OR list_contains($equipment, equipment_id))
    AND equipment_type = coalesce($equipment_type, equipment_type)
    AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
GROUP BY equipment_id
ORDER BY episodes DESC, equipment_id
LIMIT $top;

-- name: envelope
-- Each machine against its own healthy envelope over the period, or on its latest day if none is given; furthest off
-- first. `limit_score` is the anomaly score at the limit; `machines`, `machines_outside` and `machines_unseen` (under
-- conditions that commissioning did not know) count all that fit.
WITH asked AS (
    SELECT equipment_id, equipment_type, date, hours, hours_outside, hours_pooled, anomaly_score, reason
    FROM gold.envelope_daily
    WHERE equipment_type = coalesce($equipment_type, equipment_type)
        AND ($equipment IS NULL OR list_contains($equipment, equipment_id))
        AND date BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
    QUALIFY $first IS NOT NULL OR $last IS NOT NULL
        OR row_number() OVER (PARTITION BY equipment_id ORDER BY date DESC) = 1
),
by_machine AS (
    SELECT
        equipment_id, min(equipment_type) AS equipment_type,
        count(*) AS days, min(date) AS first_day, max(date) AS last_day,
        CAST(sum(hours) AS BIGINT) AS hours, CAST(sum(hours_outside) AS BIGINT) AS hours_outside,
        CAST(sum(hours_pooled) AS BIGINT) AS hours_pooled,
        max(anomaly_score) AS worst_score, 0.5 AS limit_score,
        arg_max(date, row(anomaly_score, date)) AS worst_day, arg_max(reason, row(anomaly_score, date)) AS worst_reason
    FROM asked
    GROUP BY equipment_id
)
SELECT
    *, count(*) OVER () AS machines,
    count(*) FILTER (WHERE hours_outside > 0) OVER () AS machines_outside,
    count(*) FILTER (WHERE hours_pooled > 0) OVER () AS machines_unseen
FROM by_machine
ORDER BY (hours_outside + hours_pooled) / hours DESC, worst_score DESC, equipment_id
LIMIT $top;

-- name: envelope_signals
-- Signals of a machine that left their own limits on a day, furthest off first.
SELECT equipment_id, signal, unit, date, mean, deviation, spreads, hours, hours_outside, settings
FROM gold.envelope_signal_daily
WHERE equipment_id = $equipment AND date = $day AND hours_outside > 0
ORDER BY abs(spreads) DESC, signal
LIMIT 5;

-- name: envelope_days
-- Days that were held against an envelope: what to say when a period has none.
SELECT count(DISTINCT equipment_id) AS machines, min(date) AS first_day, max(date) AS last_day
FROM gold.envelope_daily
WHERE equipment_type = coalesce($equipment_type, equipment_type)
    AND ($equipment IS NULL OR list_contains($equipment, equipment_id));
