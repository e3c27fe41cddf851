"""Gold: figures per machine and day, computed from roles and from each machine's own past, never from its type's name.

Written by the assets, a day at a time.
"""

from __future__ import annotations

import pyarrow as pa

from lake.spec import TIME, Column, Layer, TableSpec

_TEXT = pa.string()
_FLOAT = pa.float64()
_UNIT_IS = "column unit"
EVER = 36_500
"""Lookback of figures that accumulate from a machine's first day."""

_MACHINE = (
    Column("site", _TEXT, "site the machine stands on", nullable=False),
    Column("equipment_id", _TEXT, "machine", nullable=False),
    Column("equipment_type", _TEXT, "type of the machine", nullable=False),
)
_SIGNAL = Column("signal", _TEXT, "signal, or `<signal>:<aggregate>:<duration>` for a window", nullable=False)
_UNIT = Column("unit", _TEXT, "unit of the values of this row", nullable=False)
_DAY = Column("date", pa.date32(), "UTC day", nullable=False)

KPI_FORMULAS = {
    "utilisation": "time-weighted mean of the signal with role running, in percent of the time observed",
    "availability": (
        "100 x (1 - time under at least one fault / time observed); for machines that a rule or a signal with role "
        "fault watches"
    ),
    "throughput": "increase of the signal with role count over the day; a counter that falls has restarted at zero",
    "cycle_time": "running time (time observed, without a running signal) / throughput, in seconds",
    "fault_count": "fault episodes raised on the day",
    "mtbf": (
        "mean time between failures: running time (time observed, without a running signal) since the first day / "
        "episodes raised since then, in hours; none before the first failure"
    ),
    "mttr": "mean time to restore: mean duration of the episodes cleared since the first day, in hours",
    "oee": (
        "availability x performance x quality, in percent; performance = mean speed while running / the best hourly "
        "speed of the last 30 days, quality = increase of good / increase of count; only with roles speed, count, good"
    ),
}
"""Definition of each KPI; the names are those of `gold.kpi_daily.kpi`."""

KPI_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="kpi_daily",
    description="Key figures of each machine and day: " + "; ".join(f"{k} = {v}" for k, v in KPI_FORMULAS.items()),
    grain="site, equipment, KPI, day",
    columns=(
        *_MACHINE,
        Column("kpi", _TEXT, ", ".join(KPI_FORMULAS), nullable=False),
        Column("value", _FLOAT, "the figure", unit=_UNIT_IS, nullable=False),
        _UNIT,
        Column("samples", pa.int64(), "samples, or episodes, behind the figure", unit="1", nullable=False),
        _DAY,
    ),
    keys=("site", "equipment_id", "kpi", "date"),
    owner="assets",
    lookback_days=EVER,
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
        *_MACHINE,
        _SIGNAL,
        _UNIT,
        Column("center", _FLOAT, "median", unit=_UNIT_IS, nullable=False),
        Column(
            "spread",
            _FLOAT,
            "largest of: 1.4826 x median absolute deviation, the central 90 % / 3.29, 0.05 % of the median, and 0.05 "
            "for a share between 0 and 1",
            unit=_UNIT_IS,
            nullable=False,
        ),
        Column("samples", pa.int64(), "good samples behind it", unit="1", nullable=False),
        Column("first_ts", TIME, "first of them", nullable=False),
        Column("last_ts", TIME, "last of them", nullable=False),
        Column("date", pa.date32(), "UTC day on which it was complete", nullable=False),
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
        *_MACHINE,
        _SIGNAL,
        _UNIT,
        Column("mean", _FLOAT, "time-weighted mean of the day", unit=_UNIT_IS, nullable=False),
        Column("baseline", _FLOAT, "center of the baseline", unit=_UNIT_IS, nullable=False),
        Column("spread", _FLOAT, "spread of the baseline", unit=_UNIT_IS, nullable=False),
        Column("deviation", _FLOAT, "(mean - baseline) / spread", unit="1", nullable=False),
        _DAY,
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
        *_MACHINE,
        Column(
            "anomaly_score",
            _FLOAT,
            "d / (d + 6), d = the largest deviation in spreads: 0 as when commissioned, 0.5 at six spreads",
            unit="1",
            nullable=False,
        ),
        Column("top_signal", _TEXT, "signal with the largest deviation", nullable=False),
        Column("top_deviation", _FLOAT, "its deviation in spreads, signed", unit="1", nullable=False),
        Column("reason", _TEXT, "the same in words, with figures and units", nullable=False),
        _DAY,
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
        Column("equipment_type", _TEXT, "type it speaks for", nullable=False),
        Column("model_version", _TEXT, "hash of the recorded lives, the signals and the method", nullable=False),
        Column("artefact", _TEXT, "where it lies in the tenant's lake", nullable=False),
        Column("history_version", pa.int64(), "Delta version of bronze.history it was fitted on", nullable=False),
        Column("lives", pa.int64(), "recorded lives it was fitted on", unit="1", nullable=False),
        Column("signals", _TEXT, "signals it reads, all forwarded under the contract", nullable=False),
        Column(
            "rmse",
            _FLOAT,
            "root mean square error on lives it had not seen, life left counted up to the cap",
            unit="cycles",
            nullable=False,
        ),
        Column(
            "coverage", _FLOAT, "share of unseen lives inside intervals calibrated on others", unit="1", nullable=False
        ),
        Column("cap", _FLOAT, "longest remaining life the median states", unit="cycles", nullable=False),
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
        "calibrated on lives the model had not seen. Medians are capped: early in life sensors do not tell yet."
    ),
    grain="site, equipment, day",
    columns=(
        *_MACHINE,
        Column("as_of", TIME, "last reading of the day", nullable=False),
        Column("age", _FLOAT, "life spent by then", unit="cycles", nullable=False),
        Column("life_median", _FLOAT, "life left, median", unit="cycles", nullable=False),
        Column("life_low", _FLOAT, "life left, 5 % quantile", unit="cycles", nullable=False),
        Column("life_high", _FLOAT, "life left, 95 % quantile", unit="cycles", nullable=False),
        Column("unit", _TEXT, "unit of the lives", nullable=False),
        Column("drivers", _TEXT, "signals that moved most against the machine's own baseline, and since when"),
        Column("model_version", _TEXT, "model in gold.life_model", nullable=False),
        _DAY,
    ),
    keys=("site", "equipment_id", "date"),
    owner="assets",
    lookback_days=30,
)

TABLES: tuple[TableSpec, ...] = (KPI_DAILY, BASELINE, DEVIATION_DAILY, HEALTH_DAILY, LIFE_MODEL, REMAINING_LIFE)
