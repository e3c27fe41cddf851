"""Gold of a range, table by table, beside bare Polars scripts that write the same rows from the same Delta tables.

A hundred machines of ten signals: ninety days of hours and of faults, readings every ten minutes of the first month, in
which machines are commissioned, and of the last, in which their key figures are told. A table's step reads, computes,
writes, runs every check, keeps the results and reports; its script reads, computes and writes. The outputs are compared
row for row. One claim for each group of tables that are built together, of the seconds of all their steps; the tables'
own figures are printed above it. Tables of a few thousand rows cost a tenth of a second for the library of checks,
however many days they hold: `ranges` claims what a day costs.

Not held against a script: envelopes and remaining life, whose work is that of a model that is fitted, or asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from assets.silver.pairing import episodes
from bench.claim import Claim
from bench.tables import figures, key_figures, own_past, plant
from bench.tables.step import Place, Table, compared
from lake.replacing import replace_days
from lake.tables import gold, rollups, silver

TARGET, PAIRS = 1 / 0.7, 3
FIRST, DAYS, WITH_READINGS, EVERY_S, FAULTS_A_DAY = date(2024, 3, 4), 90, 30, 600, 4


def _filled(folder: Path, days: Sequence[date]) -> Place:
    place = Place(folder)
    sampled = [*days[:WITH_READINGS], *days[-WITH_READINGS:]]
    replace_days(place.lake, silver.SIGNAL_HOURLY, map(plant.hours, days), days)
    replace_days(place.lake, silver.READINGS, (plant.readings(day, EVERY_S) for day in sampled), sampled)
    raised = episodes(plant.events(days, FAULTS_A_DAY))
    place.lake.append(silver.FAULT_EPISODES, raised.select(silver.FAULT_EPISODES.schema.names).to_arrow())
    return place


def _groups(days: Sequence[date]) -> Mapping[str, Sequence[Table]]:
    """Tables in the order in which one is made of another."""
    from assets.gold import overview, tables

    month = days[-WITH_READINGS:]
    return {
        "gold: key figures": (
            Table(tables.kpis, (gold.KPI_DAILY,), key_figures.kpi_daily, month),
            Table(tables.kpis_by_hour, (gold.KPI_HOURLY,), key_figures.kpi_hourly, month),
            Table(overview.site_daily, (rollups.SITE_DAILY,), figures.site_daily, month),
            Table(overview.fault_pareto, (rollups.FAULT_PARETO,), figures.fault_pareto, days),
        ),
        "gold: own past": (
            Table(tables.baseline, (gold.BASELINE,), own_past.baseline, days[:WITH_READINGS], afresh=True),
            Table(tables.deviation_daily, (gold.DEVIATION_DAILY,), own_past.deviation_daily, days),
            Table(tables.health_daily, (gold.HEALTH_DAILY,), own_past.health_daily, days),
        ),
    }


def _together(name: str, found: Iterable[Claim]) -> Claim:
    """The seconds of several tables as one claim."""
    ours, theirs = (sum(side) for side in zip(*((one.ours, one.baseline) for one in found), strict=True))
    ratio = ours / theirs
    return Claim(name, "ratio", round(ours, 6), round(theirs, 6), round(ratio, 4), TARGET, ratio <= TARGET)


def claims() -> list[dict[str, object]]:
    """Seconds of the range, ours and the scripts'."""
    from quality.validation import load

    load()
    days = plant.days(FIRST, DAYS)
    with tempfile.TemporaryDirectory(prefix="goldlayer-bench-") as name:
        place = _filled(Path(name), days)
        return [
            _together(group, [compared(one, place, target=TARGET, pairs=PAIRS) for one in tables]).as_dict()
            for group, tables in _groups(days).items()
        ]
