select
    fault.episode_id::text as episode_id,
    fault.site::text as site,
    fault.equipment_id::text as equipment_id,
    fault.equipment_type::text as equipment_type,
    fault.fault_code::text as fault_code,
    fault.level::text as level,
    fault.message::text as message,
    fault.raised_at::timestamptz as raised_at,
    fault.cleared_at::timestamptz as cleared_at,
    fault.duration_h::double precision as duration_h,
    row_number() over same_fault::bigint as occurrence,
    (
        extract(epoch from fault.raised_at - lag(fault.raised_at) over same_fault) / 3600.0
    )::double precision as since_previous_h,
    health.anomaly_score::double precision as anomaly_score,
    health.top_signal::text as top_signal,
    health.top_deviation::double precision as top_deviation
from {{ ref('stg_fault_episodes') }} as fault
left join {{ ref('stg_health_daily') }} as health using (site, equipment_id, date)
window same_fault as (
    partition by fault.site, fault.equipment_id, fault.fault_code
    order by fault.raised_at, fault.episode_id
)
