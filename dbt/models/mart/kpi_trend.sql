with windows as (
    select
        *,
        avg(value) over (
            machine_kpi range between '6 days' preceding and current row
        ) as mean_recent,
        avg(value) over (
            machine_kpi range between '13 days' preceding and '7 days' preceding
        ) as mean_previous
    from {{ ref('stg_kpi_daily') }}
    window machine_kpi as (partition by site, equipment_id, kpi order by date)
)

select
    site::text as site,
    equipment_id::text as equipment_id,
    equipment_type::text as equipment_type,
    kpi::text as kpi,
    date::date as date,
    value::double precision as value,
    unit::text as unit,
    mean_recent::double precision as mean_recent,
    mean_previous::double precision as mean_previous,
    ((mean_recent - mean_previous) / nullif(abs(mean_previous), 0))::double precision as change
from windows
