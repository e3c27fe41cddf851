"""Gold: what was normal under each operating condition that a machine was commissioned in, and days held against it."""

from __future__ import annotations

from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import FLOAT, INT, MACHINE, SIGNAL, TEXT, UNIT, UNIT_IS, day

_CONDITION = "0 for all conditions together, from 1 the operating conditions of its own"
_SETTINGS = "what the condition is, in words: the band of each signal that tells it"
_SINCE = Column(
    "since", TIME, "start of the longest unbroken run of hours outside, or else under conditions not seen; or null"
)
_REASON = Column("reason", TEXT, "the same in words, with figures, units and the condition", nullable=False)

ENVELOPE = TableSpec(
    layer=Layer.GOLD,
    name="envelope",
    description=(
        "What was normal while a machine was commissioned, by operating condition. Conditions come from signals with "
        "role running or speed, by level or else by thirds; without such a role, from signals that take few levels "
        "which the others follow. A condition seen for fewer than six hours has no limits of its own: its hours are "
        "measured from all conditions together. Commissioning is as long as for gold.baseline, in hours that have "
        "every signal; that of types whose lives are recorded goes on to twice its length while hours are in no "
        "condition. Frozen once complete. Limits are set on hours that means, spreads and covariance were not fitted "
        "on: each fifth of commissioning is judged by the other four."
    ),
    grain="site, equipment, condition, signal",
    columns=(
        *MACHINE,
        Column("condition", INT, _CONDITION, nullable=False),
        Column("settings", TEXT, _SETTINGS + "; `all conditions` for 0", nullable=False),
        Column("bands", TEXT, "the same as JSON: lowest and highest value by signal; empty for 0", nullable=False),
        SIGNAL,
        UNIT,
        Column("center", FLOAT, "mean of the hours under the condition", unit=UNIT_IS, nullable=False),
        Column(
            "spread",
            FLOAT,
            "their standard deviation, of few hours drawn towards that within all conditions; at least 0.05 % of the "
            "mean, and 0.05 for a share between 0 and 1",
            unit=UNIT_IS,
            nullable=False,
        ),
        Column("low", FLOAT, "lower limit", unit=UNIT_IS, nullable=False),
        Column("high", FLOAT, "upper limit", unit=UNIT_IS, nullable=False),
        Column("hours", INT, "hours of commissioning under the condition", unit="1", nullable=False),
        Column("edge", FLOAT, "squared Mahalanobis distance (T2) at the machine's limit", unit="1", nullable=False),
        Column(
            "precision",
            TEXT,
            "this signal's row of the inverse covariance of deviations in spreads, shrunk by 0.3 towards "
            "independence; JSON by signal",
            nullable=False,
        ),
        Column("stated_rate", FLOAT, "share of healthy hours that the limits let outside", unit="1", nullable=False),
        Column(
            "measured_rate",
            FLOAT,
            "share outside in fifths of commissioning that neither fit nor limits had seen",
            unit="1",
            nullable=False,
        ),
        day("the hour that completed it"),
    ),
    keys=("site", "equipment_id", "condition", "signal"),
    owner="assets",
    lookback_days=28,
)
ENVELOPE_SIGNAL_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="envelope_signal_daily",
    description=(
        "Each signal against its machine's own envelope, every hour under its own condition. deviation = mean over "
        "the hours of value - center; hours under a condition that commissioning did not know are measured from all "
        "conditions together and are not counted as outside: nobody has seen them healthy."
    ),
    grain="site, equipment, signal, day",
    columns=(
        *MACHINE,
        SIGNAL,
        UNIT,
        Column("mean", FLOAT, "mean of the hours", unit=UNIT_IS, nullable=False),
        Column(
            "deviation", FLOAT, "mean distance from what is usual under the condition", unit=UNIT_IS, nullable=False
        ),
        Column("spreads", FLOAT, "the same in spreads of the condition", unit="1", nullable=False),
        Column("anomaly_score", FLOAT, "d / (d + 1), d = mean distance in limits: 0.5 at the limit", nullable=False),
        Column("hours", INT, "hours held against the envelope", unit="1", nullable=False),
        Column("hours_outside", INT, "of them, beyond the limits of their condition", unit="1", nullable=False),
        Column("condition", INT, _CONDITION + ": that of the hour furthest off", nullable=False),
        Column("settings", TEXT, _SETTINGS, nullable=False),
        _SINCE,
        _REASON,
        day(),
    ),
    keys=("site", "equipment_id", "signal", "date"),
    owner="assets",
)
ENVELOPE_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="envelope_daily",
    description=(
        "Each machine against its own envelope, all signals at once: squared Mahalanobis distance (Hotelling's T2) of "
        "each hour under its own condition, over its limit. anomaly_score = d / (d + 1), d = mean of the root of that. "
        "An hour is inside, outside, or under a condition that commissioning did not know: the last is measured from "
        "all conditions together and counted apart, for it may be a fault (a leak makes a compressor run all the time) "
        "or a load that is new."
    ),
    grain="site, equipment, day",
    columns=(
        *MACHINE,
        Column("distance", FLOAT, "mean over the hours; 1 is the limit", unit="1", nullable=False),
        Column("anomaly_score", FLOAT, "0 as when commissioned, 0.5 at the limit", unit="1", nullable=False),
        Column("hours", INT, "hours held against the envelope", unit="1", nullable=False),
        Column("hours_outside", INT, "of them, beyond the limit of a known condition", unit="1", nullable=False),
        Column("hours_pooled", INT, "of the rest, under a condition that commissioning did not know", nullable=False),
        Column("condition", INT, _CONDITION + ": that of the hour furthest off", nullable=False),
        Column("settings", TEXT, _SETTINGS, nullable=False),
        Column("top_signal", TEXT, "signal furthest from what is usual in the hours outside", nullable=False),
        Column("top_deviation", FLOAT, "its mean deviation there, in spreads, signed", unit="1", nullable=False),
        _SINCE,
        _REASON,
        day(),
    ),
    keys=("site", "equipment_id", "date"),
    owner="assets",
)

TABLES: tuple[TableSpec, ...] = (ENVELOPE, ENVELOPE_SIGNAL_DAILY, ENVELOPE_DAILY)
