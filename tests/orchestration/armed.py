"""A replay in a process of its own that dies where a fault point is armed; imports little, for it is started often."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from core import faults
from ingestion.replay.held import Rules
from ingestion.replay.readmit import Selection, replay
from lake.store import Lake


def let_in_armed(root: str, tenant: str, rules: Rules, at: datetime, armed: Path) -> None:
    """Let in what the rules allow, unless a point on the way is armed."""
    faults.arm(armed)
    replay(Lake(root).tenant(tenant), Selection(), rules, by="command:test", at=at)
