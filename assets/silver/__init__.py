"""Silver: readings and events judged, fault episodes, signals by the hour, the reconciled books and gaps."""

import dagster as dg

from assets.silver.fault_episodes import fault_episodes
from assets.silver.gaps import gaps
from assets.silver.refined import refined
from assets.silver.signal_hourly import signal_hourly

ASSETS: list[dg.AssetsDefinition] = [refined, gaps, fault_episodes, signal_hourly]
CHECKS: list[dg.AssetChecksDefinition] = []
"""None of their own: every check runs in the step that writes its table."""
