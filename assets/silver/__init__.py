"""Silver: readings and events judged, fault episodes, signals by the minute and hour, machines and their states, the
reconciled books and gaps."""

import dagster as dg

from assets.silver.fault_episodes import fault_episodes
from assets.silver.gaps import gaps
from assets.silver.machines import equipment, equipment_states, signal_minutely
from assets.silver.refined import refined
from assets.silver.signal_hourly import signal_hourly

ASSETS: list[dg.AssetsDefinition] = [
    refined,
    gaps,
    fault_episodes,
    signal_hourly,
    signal_minutely,
    equipment_states,
    equipment,
]
CHECKS: list[dg.AssetChecksDefinition] = []
"""None of their own: every check runs in the step that writes its table."""
