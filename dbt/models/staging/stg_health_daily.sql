select
    site,
    equipment_id,
    equipment_type,
    date,
    anomaly_score,
    top_signal,
    top_deviation,
    reason
from {{ source('kpi', 'health_daily') }}
