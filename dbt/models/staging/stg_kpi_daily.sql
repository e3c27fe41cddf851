select
    site,
    equipment_id,
    equipment_type,
    kpi,
    date,
    value,
    unit,
    samples
from {{ source('kpi', 'kpi_daily') }}
where value is not null
