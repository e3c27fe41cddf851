"""Gold: key figures, baselines, envelopes, deviations, health, remaining life, failure modes, whole sites."""

import dagster as dg

from assets.gold.envelopes import envelope, envelope_daily
from assets.gold.overview import fault_pareto, site_daily
from assets.gold.remaining_life import life_model, remaining_life
from assets.gold.tables import baseline, deviation_daily, health_daily, kpis, kpis_by_hour

ASSETS: list[dg.AssetsDefinition] = [
    kpis,
    kpis_by_hour,
    baseline,
    deviation_daily,
    health_daily,
    life_model,
    remaining_life,
    fault_pareto,
    site_daily,
    envelope,
    envelope_daily,
]
CHECKS: list[dg.AssetChecksDefinition] = []
"""None of their own: every check runs in the step that writes its table."""
