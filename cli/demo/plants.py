"""What a replay plant says of itself in its state file."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel


class PlantState(BaseModel):
    """Progress of one replay; the plant writes it about once a second and at the end."""

    steps_total: int = 0
    steps_served: int = 0
    readings_total: int = 0
    readings_served: int = 0
    done: bool = False


def read_state(path: Path) -> PlantState:
    """The last written state; all zero before the first."""
    try:
        return PlantState.model_validate(json.loads(path.read_text()))
    except FileNotFoundError:
        return PlantState()
