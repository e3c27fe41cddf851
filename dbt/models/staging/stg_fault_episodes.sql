select
    episode_id,
    site,
    equipment_id,
    equipment_type,
    fault_code,
    level,
    severity,
    message,
    raised_at,
    cleared_at,
    duration_s / 3600.0 as duration_h,
    cleared_at is null as is_open,
    date
from {{ source('kpi', 'fault_episodes') }}
