"""What silver makes of a day's readings and of all events, table by table beside its script.

A hundred machines of ten signals that are read every minute, on the day and the one before, and ninety days of faults.
The register of machines is left out: a hundred rows that are made of no table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bench.tables import machines as scripts
from bench.tables import plant
from bench.tables.step import Pair, Place, Table, compared, summed
from lake.replacing import replace_days
from lake.tables import machines, ops, silver

FIRST, DAYS, EVERY_S, FAULTS_A_DAY, PAIRS = date(2024, 3, 4), 90, 60, 4, 3


def _filled(folder: Path, days: Sequence[date]) -> Place:
    place = Place(folder)
    sampled = days[-2:]
    replace_days(place.lake, silver.READINGS, (plant.readings(day, EVERY_S) for day in sampled), sampled)
    place.lake.append(silver.EVENTS, plant.events(days, FAULTS_A_DAY).to_arrow())
    return place


def _tables(days: Sequence[date]) -> Sequence[Table]:
    """In the order in which one is made of another."""
    from assets.silver import machines as made
    from assets.silver.fault_episodes import fault_episodes
    from assets.silver.gaps import gaps
    from assets.silver.signal_hourly import signal_hourly

    day = days[-1:]
    return (
        Table(signal_hourly, (silver.SIGNAL_HOURLY,), scripts.signal_hourly, day),
        Table(made.signal_minutely, (machines.SIGNAL_MINUTELY,), scripts.signal_minutely, day),
        Table(fault_episodes, (silver.FAULT_EPISODES,), scripts.fault_episodes, days),
        Table(made.equipment_states, (machines.EQUIPMENT_STATES,), scripts.equipment_states, day),
        Table(gaps, (ops.GAPS,), scripts.gaps, day),
    )


def compared_together() -> Pair:
    """The seconds of all of them, after a line for each."""
    from quality.validation import load

    load()
    days = plant.days(FIRST, DAYS)
    with tempfile.TemporaryDirectory(prefix="goldlayer-bench-") as name:
        place = _filled(Path(name), days)
        return summed([compared(one, place, pairs=PAIRS) for one in _tables(days)])
