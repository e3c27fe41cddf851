select
    site,
    equipment_id,
    equipment_type,
    as_of,
    age,
    life_median,
    life_low,
    life_high,
    unit,
    drivers,
    model_version
from {{ source('kpi', 'remaining_life') }}
