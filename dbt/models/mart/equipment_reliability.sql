with observed as (
    select
        site,
        equipment_id,
        min(equipment_type) as equipment_type,
        min(date) as first_day,
        max(date) as last_day,
        count(distinct date) as observed_days
    from {{ ref('stg_observed_days') }}
    group by site, equipment_id
),

equipment as (
    select site, equipment_id, equipment_type, first_day, last_day, observed_days from observed
    union all
    select life.site, life.equipment_id, life.equipment_type, life.as_of::date, life.as_of::date, 0
    from {{ ref('stg_remaining_life') }} as life
    where not exists (
        select from observed where observed.site = life.site and observed.equipment_id = life.equipment_id
    )
),

latest_health as (
    select distinct on (site, equipment_id)
        site, equipment_id, date, anomaly_score, top_signal, top_deviation, reason
    from {{ ref('stg_health_daily') }}
    order by site, equipment_id, date desc
),

-- One definition of each figure: what runs over a machine's whole life is its latest key figure.
lifelong as (
    select
        site,
        equipment_id,
        max(value) filter (where kpi = 'operating_time') as operating_h,
        max(value) filter (where kpi = 'mtbf') as mtbf_h
    from (
        select distinct on (site, equipment_id, kpi) site, equipment_id, kpi, value
        from {{ ref('stg_kpi_daily') }}
        where kpi in ('operating_time', 'mtbf')
        order by site, equipment_id, kpi, date desc
    ) as latest
    group by site, equipment_id
),

-- An open fault lasts until the end of the last observed day.
spans as (
    select
        fault.site,
        fault.equipment_id,
        fault.is_open,
        fault.duration_h,
        tstzrange(
            fault.raised_at,
            greatest(
                fault.raised_at,
                coalesce(fault.cleared_at, (equipment.last_day + 1)::timestamp at time zone 'UTC')
            )
        ) as span
    from {{ ref('stg_fault_episodes') }} as fault
    inner join equipment using (site, equipment_id)
),

faults as (
    select
        site,
        equipment_id,
        count(*) as fault_count,
        count(*) filter (where is_open) as open_faults,
        avg(duration_h) filter (where not is_open) as mttr_h,
        range_agg(span) as faulted
    from spans
    group by site, equipment_id
),

-- Faults that overlap are one stretch of time, not two.
fault_time as (
    select
        site,
        equipment_id,
        (
            select coalesce(sum(extract(epoch from upper(part) - lower(part))), 0) / 3600.0
            from unnest(faulted) as part
        ) as fault_h
    from faults
)

select
    equipment.site::text as site,
    equipment.equipment_id::text as equipment_id,
    equipment.equipment_type::text as equipment_type,
    equipment.first_day::date as first_day,
    equipment.last_day::date as last_day,
    equipment.observed_days::bigint as observed_days,
    latest_health.date::date as health_day,
    latest_health.anomaly_score::double precision as anomaly_score,
    latest_health.top_signal::text as top_signal,
    latest_health.top_deviation::double precision as top_deviation,
    latest_health.reason::text as health_reason,
    coalesce(faults.fault_count, 0)::bigint as fault_count,
    coalesce(faults.open_faults, 0)::bigint as open_faults,
    coalesce(fault_time.fault_h, 0)::double precision as fault_h,
    faults.mttr_h::double precision as mttr_h,
    lifelong.operating_h::double precision as operating_h,
    lifelong.mtbf_h::double precision as mtbf_h,
    life.life_median::double precision as life_median,
    life.life_low::double precision as life_low,
    life.life_high::double precision as life_high,
    life.unit::text as life_unit,
    life.as_of::timestamptz as life_as_of
from equipment
left join latest_health using (site, equipment_id)
left join faults using (site, equipment_id)
left join fault_time using (site, equipment_id)
left join lifelong using (site, equipment_id)
left join {{ ref('stg_remaining_life') }} as life using (site, equipment_id)
