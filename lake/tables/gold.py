"""Gold: figures per machine and day, computed from roles and from each machine's own past, never from its type's name.

Written by the assets, a day at a time.
"""

from __future__ import annotations

from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import DATE, FLOAT, INT, MACHINE, SIGNAL, TEXT, UNIT, UNIT_IS, day

EVER = 36_500
"""Lookback of figures that accumulate from a machine's first day."""
BEST_SPEED_DAYS = 30
"""Days whose best hour tells how fast a machine can run, the day itself among them."""

KPI_FORMULAS = {
    "utilisation": "time-weighted mean of the signal with role running, in percent of the time observed",
    "availability": (
        "100 x (1 - observed time under at least one fault / time observed), the observed time counted hour by hour; "
        "for machines that a rule or a signal with role fault watches"
    ),
    "throughput": (
        "increase of the signal with role count over the day; a counter that falls below a tenth has restarted at "
        "zero, one that falls less far gained nothing in that moment, and one that is back within three samples was "
        "misread"
    ),
    "cycle_time": (
        "running time (time observed, for a machine that never had a running signal) / throughput, in seconds"
    ),
    "fault_count": "fault episodes raised on the day, whether or not anything else was heard of the machine",
    "operating_time": (
        "running time (time observed, for a machine that never had a running signal) since the first day, in hours; "
        "its samples are the episodes raised since then; for machines that a rule or a signal with role fault watches"
    ),
    "mtbf": "mean time between failures: operating_time / episodes raised since then, in hours; none before the first",
    "mttr": "mean time to restore: mean duration of the episodes cleared since the first day, in hours",
    "oee": (
        "availability x performance x quality, in percent; performance = mean speed while running / the best hourly "
        f"speed while running of the last {BEST_SPEED_DAYS} days, quality = increase of good / increase of count; only "
        "with roles speed, count, good"
    ),
}
"""Definition of each KPI; the names are those of `gold.kpi_daily.kpi`."""
LIFELONG_KPIS = ("operating_time", "mtbf", "mttr")
"""Those that run over a machine's whole life, up to their day."""
HOURLY_KPIS = tuple(kpi for kpi in KPI_FORMULAS if kpi not in LIFELONG_KPIS)
"""Those that are told by the hour."""

KPI_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="kpi_daily",
    description="Key figures of each machine and day: " + "; ".join(f"{k} = {v}" for k, v in KPI_FORMULAS.items()),
    grain="site, equipment, KPI, day",
    columns=(
        *MACHINE,
        Column("kpi", TEXT, ", ".join(KPI_FORMULAS), nullable=False),
        Column("value", FLOAT, "the figure", unit=UNIT_IS, nullable=False),
        UNIT,
        Column("samples", INT, "samples, or episodes, behind the figure", unit="1", nullable=False),
        day(),
    ),
    keys=("site", "equipment_id", "kpi", "date"),
    owner="assets",
    lookback_days=EVER,
)
KPI_HOURLY = TableSpec(
    layer=Layer.GOLD,
    name="kpi_hourly",
    description=(
        "Key figures of each machine and hour, by the definitions of gold.kpi_daily with the hour in the place of the "
        "day; of counts and throughput, the hours of a day add up to the day. What runs over a machine's whole life "
        f"({', '.join(LIFELONG_KPIS)}) is told by day alone. A fault told of late, or cleared late, changes every "
        "hour in which it stood."
    ),
    grain="site, equipment, KPI, hour",
    columns=(
        *MACHINE,
        Column("kpi", TEXT, ", ".join(HOURLY_KPIS), nullable=False),
        Column("hour", TIME, "start of the hour, UTC", nullable=False),
        Column("value", FLOAT, "the figure", unit=UNIT_IS, nullable=False),
        UNIT,
        Column("samples", INT, "samples, or episodes, behind the figure", unit="1", nullable=False),
        Column("observed_s", FLOAT, "time of the hour during which the machine was heard", unit="s", nullable=False),
        day("`hour`"),
    ),
    keys=("site", "equipment_id", "kpi", "hour"),
    owner="assets",
    lookback_days=BEST_SPEED_DAYS - 1,
)
BASELINE = TableSpec(
    layer=Layer.GOLD,
    name="baseline",
    description=(
        "What was normal while a machine was commissioned, per signal; frozen once it is complete. Commissioning "
        "ends with sample 336 (two weeks of hourly ones), or after 14 days with at least 30; for types whose whole "
        "lives are recorded in bronze.history, after 15 % of the median life, at least 30 samples."
    ),
    grain="site, equipment, signal",
    columns=(
        *MACHINE,
        SIGNAL,
        UNIT,
        Column("center", FLOAT, "median", unit=UNIT_IS, nullable=False),
        Column(
            "spread",
            FLOAT,
            "largest of: 1.4826 x median absolute deviation, the central 90 % / 3.29, 0.05 % of the median, and 0.05 "
            "for a share between 0 and 1",
            unit=UNIT_IS,
            nullable=False,
        ),
        Column("samples", INT, "good samples behind it", unit="1", nullable=False),
        Column("first_ts", TIME, "first of them", nullable=False),
        Column("last_ts", TIME, "last of them", nullable=False),
        Column("date", DATE, "UTC day on which it was complete", nullable=False),
    ),
    keys=("site", "equipment_id", "signal"),
    owner="assets",
    lookback_days=14,
)
DEVIATION_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="deviation_daily",
    description="How far each signal's daily mean lies from the machine's own baseline.",
    grain="site, equipment, signal, day",
    columns=(
        *MACHINE,
        SIGNAL,
        UNIT,
        Column("mean", FLOAT, "time-weighted mean of the day", unit=UNIT_IS, nullable=False),
        Column("baseline", FLOAT, "center of the baseline", unit=UNIT_IS, nullable=False),
        Column("spread", FLOAT, "spread of the baseline", unit=UNIT_IS, nullable=False),
        Column("deviation", FLOAT, "(mean - baseline) / spread", unit="1", nullable=False),
        day(),
    ),
    keys=("site", "equipment_id", "signal", "date"),
    owner="assets",
)
HEALTH_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="health_daily",
    description="How unlike itself each machine was on a day, and which signal says so.",
    grain="site, equipment, day",
    columns=(
        *MACHINE,
        Column(
            "anomaly_score",
            FLOAT,
            "d / (d + 6), d = the largest deviation in spreads: 0 as when commissioned, 0.5 at six spreads",
            unit="1",
            nullable=False,
        ),
        Column("top_signal", TEXT, "signal with the largest deviation", nullable=False),
        Column("top_deviation", FLOAT, "its deviation in spreads, signed", unit="1", nullable=False),
        Column("reason", TEXT, "the same in words, with figures and units", nullable=False),
        day(),
    ),
    keys=("site", "equipment_id", "date"),
    owner="assets",
)
LIFE_MODEL = TableSpec(
    layer=Layer.GOLD,
    name="life_model",
    description="The models of remaining life in force, one per equipment type with recorded lives.",
    grain="equipment type",
    columns=(
        Column("equipment_type", TEXT, "type it speaks for", nullable=False),
        Column("model_version", TEXT, "hash of the recorded lives, the signals and the method", nullable=False),
        Column("artefact", TEXT, "where it lies in the tenant's lake", nullable=False),
        Column("history_version", INT, "Delta version of bronze.history it was fitted on", nullable=False),
        Column("lives", INT, "recorded lives it was fitted on", unit="1", nullable=False),
        Column("signals", TEXT, "signals it reads, all forwarded under the contract", nullable=False),
        Column(
            "rmse",
            FLOAT,
            "root mean square error on lives it had not seen, life left counted up to the cap",
            unit="cycles",
            nullable=False,
        ),
        Column(
            "coverage", FLOAT, "share of unseen lives inside intervals calibrated on others", unit="1", nullable=False
        ),
        Column("cap", FLOAT, "longest remaining life it states", unit="cycles", nullable=False),
    ),
    keys=("equipment_type",),
    owner="assets",
    partition_by=(),
)
REMAINING_LIFE = TableSpec(
    layer=Layer.GOLD,
    name="remaining_life",
    description=(
        "Life left of each machine whose type's lives are recorded, at its last reading of the day; the interval is "
        "calibrated on lives the model had not seen. What it expects is capped: early in life sensors do not tell yet."
    ),
    grain="site, equipment, day",
    columns=(
        *MACHINE,
        Column("as_of", TIME, "last reading of the day", nullable=False),
        Column("age", FLOAT, "life spent by then", unit="cycles", nullable=False),
        Column("life_median", FLOAT, "life left, as the model expects it", unit="cycles", nullable=False),
        Column("life_low", FLOAT, "life left, 5 % quantile", unit="cycles", nullable=False),
        Column("life_high", FLOAT, "life left, 95 % quantile", unit="cycles", nullable=False),
        Column("unit", TEXT, "unit of the lives", nullable=False),
        Column("drivers", TEXT, "signals that moved most against the machine's own baseline, and since when"),
        Column("model_version", TEXT, "model in gold.life_model", nullable=False),
        day(),
    ),
    keys=("site", "equipment_id", "date"),
    owner="assets",
    lookback_days=120,
)

TABLES: tuple[TableSpec, ...] = (
    KPI_DAILY,
    KPI_HOURLY,
    BASELINE,
    DEVIATION_DAILY,
    HEALTH_DAILY,
    LIFE_MODEL,
    REMAINING_LIFE,
)
