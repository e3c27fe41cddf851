"""Gold: key figures, baselines, deviations, health and remaining life."""

import dagster as dg

from assets.gold.remaining_life import life_model, remaining_life
from assets.gold.tables import baseline, deviation_daily, health_daily, kpis

ASSETS: list[dg.AssetsDefinition] = [kpis, baseline, deviation_daily, health_daily, life_model, remaining_life]
CHECKS: list[dg.AssetChecksDefinition] = []
"""None of their own: every check runs in the step that writes its table."""
