"""Gold of a range, table by table, beside bare Polars scripts that write the same rows from the same Delta tables.

A hundred machines of ten signals: ninety days of hours and of faults, readings every ten minutes of the first month, in
which machines are commissioned, and of the last, in which their key figures and remaining life are told. A table's step
reads, computes, writes, runs every check, keeps the results and reports; its script reads, computes and writes. The
outputs are compared row for row. One claim for each group of tables that are built together and one for the layer, of
the seconds of all their steps; the tables' own figures are printed above them. Tables of a few thousand rows cost a
twentieth of a second for the library of checks, however many days they hold: `ranges` claims what a day costs.

A model of envelopes or of remaining life is fitted, and asked, by the same call on both sides: what is held against
the script is all around it. The model of remaining life is fitted once, before the clock starts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from assets.silver.pairing import episodes
from bench.tables import envelopes as healthy
from bench.tables import figures, key_figures, life, own_past, plant
from bench.tables.step import Place, Table, claimed, compared, summed
from lake.replacing import replace_days
from lake.tables import bronze, envelopes, gold, rollups, silver

TARGET, PAIRS = 1 / 0.7, 3
FIRST, DAYS, WITH_READINGS, EVERY_S, FAULTS_A_DAY = date(2024, 3, 4), 90, 30, 600, 4
LIVES, STEPS = 12, 200


def _filled(folder: Path, days: Sequence[date]) -> Place:
    place = Place(folder)
    sampled = [*days[:WITH_READINGS], *days[-WITH_READINGS:]]
    replace_days(place.lake, silver.SIGNAL_HOURLY, map(plant.hours, days), days)
    replace_days(place.lake, silver.READINGS, (plant.readings(day, EVERY_S) for day in sampled), sampled)
    raised = episodes(plant.events(days, FAULTS_A_DAY))
    place.lake.append(silver.FAULT_EPISODES, raised.select(silver.FAULT_EPISODES.schema.names).to_arrow())
    return place


def _with_lives(place: Place, days: Sequence[date]) -> None:
    """Recorded lives, and the model fitted on them."""
    from assets.gold.remaining_life import life_model

    place.lake.append(bronze.HISTORY, plant.lives(LIVES, STEPS).to_arrow())
    place.run(life_model, days[-1:])


def _groups(days: Sequence[date]) -> Mapping[str, Sequence[Table]]:
    """Tables in the order in which one is made of another."""
    from assets.gold import overview, tables
    from assets.gold.envelopes import envelope, envelope_daily

    month, first = days[-WITH_READINGS:], days[:WITH_READINGS]
    by_day = (envelopes.ENVELOPE_SIGNAL_DAILY, envelopes.ENVELOPE_DAILY)
    return {
        "gold: key figures": (
            Table(tables.kpis, (gold.KPI_DAILY,), key_figures.kpi_daily, month),
            Table(tables.kpis_by_hour, (gold.KPI_HOURLY,), key_figures.kpi_hourly, month),
            Table(overview.site_daily, (rollups.SITE_DAILY,), figures.site_daily, month),
            Table(overview.fault_pareto, (rollups.FAULT_PARETO,), figures.fault_pareto, days),
        ),
        "gold: own past": (
            Table(tables.baseline, (gold.BASELINE,), own_past.baseline, first, afresh=True),
            Table(tables.deviation_daily, (gold.DEVIATION_DAILY,), own_past.deviation_daily, days),
            Table(tables.health_daily, (gold.HEALTH_DAILY,), own_past.health_daily, days),
        ),
        "gold: envelopes": (
            Table(envelope, (envelopes.ENVELOPE,), healthy.envelope, first, afresh=True),
            Table(envelope_daily, by_day, healthy.envelope_daily, days),
        ),
    }


def _lives(days: Sequence[date]) -> Table:
    from assets.gold.remaining_life import remaining_life

    return Table(remaining_life, (gold.REMAINING_LIFE,), life.remaining_life, days[-WITH_READINGS:])


def claims() -> list[dict[str, object]]:
    """Seconds of the range, ours and the scripts'."""
    from quality.validation import load

    load()
    days = plant.days(FIRST, DAYS)
    with tempfile.TemporaryDirectory(prefix="goldlayer-bench-") as name:
        place = _filled(Path(name), days)
        groups = {
            group: summed(compared(one, place, pairs=PAIRS) for one in tables)
            for group, tables in _groups(days).items()
        }
        _with_lives(place, days)  # recorded lives shorten the commissioning of their type
        groups["gold: remaining life"] = compared(_lives(days), place, pairs=PAIRS)
    groups["gold"] = summed(groups.values())
    return [claimed(group, pair, TARGET).as_dict() for group, pair in groups.items()]
