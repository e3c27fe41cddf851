-- A machine counts as observed on a day when a KPI or its health was computed for that day.
select site, equipment_id, equipment_type, date from {{ ref('stg_kpi_daily') }}
union
select site, equipment_id, equipment_type, date from {{ ref('stg_health_daily') }}
