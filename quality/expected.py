"""What must hold for each table: read from its declaration, with what only its meaning tells added here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from lake.spec import TableSpec
from lake.tables.gold import HOURLY_KPIS, KPI_FORMULAS

Kind = Literal["not_null", "unique", "in_set", "between", "ordered", "rows"]


class Severity(StrEnum):
    """What a failure does: an error stops what comes after, a warning is shown."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation on a table.

    Attributes:
        name: name of the check; unique within its table.
        kind: which test.
        columns: columns tested; none for `rows`, lower then upper for `ordered`.
        severity: what a failure does.
        minimum: lower bound of `between`, or least number of rows.
        maximum: upper bound of `between`; None is unbounded.
        values: allowed values of `in_set`.
        where: a column and the value that rows have which are tested; None tests all.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    where: tuple[str, str] | None = None

    def in_words(self) -> str:
        """What would be right."""
        return self._right() + (f" where {self.where[0]} is {self.where[1]}" if self.where else "")

    def _right(self) -> str:
        listed = ", ".join(self.columns)
        match self.kind:
            case "not_null":
                return f"{listed} is never null"
            case "unique":
                return f"no two rows with the same {listed}"
            case "in_set":
                return f"{listed} is one of {', '.join(self.values)}"
            case "between":
                upper = "" if self.maximum is None else f" and <= {self.maximum:g}"
                return f"{listed} >= {self.minimum:g}{upper}"
            case "ordered":
                return f"{self.columns[0]} <= {self.columns[1]}"
            case "rows":
                return f"at least {self.minimum:g} row"


BEYOND_CONTRACT = "beyond_contract"
"""Column added to `silver.readings` for its check: how far a good value lies outside the contract's limits."""
BEYOND_PHYSICS = "beyond_physics"
"""Likewise: how far a good value lies outside of what is possible for its quantity and role."""


def _share(column: str, top: float = 1.0, severity: Severity = Severity.ERROR) -> Expected:
    return Expected(f"{column}_is_in_range", "between", (column,), severity, minimum=0, maximum=top)


def _positive(column: str) -> Expected:
    return Expected(f"{column}_is_not_negative", "between", (column,), minimum=0)


def _one_of(column: str, *values: str) -> Expected:
    return Expected(f"{column}_is_known", "in_set", (column,), values=values)


def _in_order(*columns: str) -> Expected:
    return Expected(f"{'_'.join(columns)}_in_order", "ordered", columns)


def _has_rows() -> Expected:
    return Expected("has_rows", "rows", severity=Severity.WARN, minimum=1)


_OF_MEANING: Mapping[str, tuple[Expected, ...]] = {
    "bronze.readings": (_has_rows(),),
    "bronze.events": (_one_of("state", "raised", "cleared", "acknowledged"), _share("severity", 100)),
    "bronze.bridge_counts": tuple(_positive(name) for name in ("read", "withheld", "forwarded", "suppressed")),
    "silver.readings": (
        _has_rows(),
        Expected("within_contract", "between", (BEYOND_CONTRACT,), minimum=0, maximum=0),
        Expected("within_physics", "between", (BEYOND_PHYSICS,), minimum=0, maximum=0),
        _one_of("role", "running", "speed", "count", "good", "fault"),
    ),
    "silver.events": (_one_of("state", "raised", "cleared", "acknowledged"), _share("severity", 100)),
    "silver.quarantine": (_one_of("kind", "reading", "event"),),
    "silver.fault_episodes": (
        _one_of("level", "info", "warning", "critical"),
        _positive("duration_s"),
        _in_order("raised_at", "cleared_at"),
    ),
    "silver.signal_hourly": (
        _share("observed_s", 3600),
        _positive("samples"),
        _in_order("min", "max"),
    ),
    "silver.signal_minutely": (_share("observed_s", 60), _positive("samples")),
    "silver.equipment_states": (_one_of("state", "running", "stopped", "faulted"), _share("duration_s", 86_400)),
    "gold.kpi_daily": (
        _one_of("kpi", *KPI_FORMULAS),
        _positive("value"),
        Expected("percent_is_possible", "between", ("value",), minimum=0, maximum=105, where=("unit", "percent")),
    ),
    "gold.kpi_hourly": (
        _one_of("kpi", *HOURLY_KPIS),
        _positive("value"),
        _share("observed_s", 3600),
        # A piece made before the hour and judged in it makes its quality more than whole.
        Expected("percent_is_possible", "between", ("value",), Severity.WARN, 0, 105, where=("unit", "percent")),
    ),
    "gold.baseline": (_positive("spread"), Expected("samples_suffice", "between", ("samples",), minimum=30)),
    "gold.health_daily": (_share("anomaly_score"),),
    "gold.envelope": (
        _positive("spread"),
        _in_order("low", "center"),
        _in_order("center", "high"),
        Expected("hours_suffice", "between", ("hours",), minimum=6),
        Expected("limits_hold_unseen_hours", "between", ("measured_rate",), Severity.WARN, minimum=0, maximum=0.15),
    ),
    "gold.envelope_signal_daily": (_share("anomaly_score"), _share("hours_outside", 24)),
    "gold.envelope_daily": (_share("anomaly_score"), _share("hours_outside", 24), _share("hours_pooled", 24)),
    "gold.life_model": (
        Expected("coverage_is_honest", "between", ("coverage",), Severity.WARN, minimum=0.8, maximum=1),
        _positive("rmse"),
    ),
    "gold.fault_pareto": (_share("share"), _share("cumulative", 1.000001), _positive("hours")),
    "gold.site_daily": (_one_of("kpi", *KPI_FORMULAS), _positive("value")),
    "training.pairs": (_one_of("status", "draft"), _one_of("level_of_use", "internal"), _share("confidence")),
    "gold.remaining_life": (
        _positive("life_low"),
        _positive("age"),
        _in_order("life_low", "life_median"),
        _in_order("life_median", "life_high"),
    ),
}


def expectations(spec: TableSpec) -> tuple[Expected, ...]:
    """Everything expected of a table: keys set and unique, and what its meaning demands."""
    keys = tuple(Expected(f"{name}_is_set", "not_null", (name,)) for name in spec.keys)
    unique = (Expected("keys_are_unique", "unique", spec.keys),) if spec.keys else ()
    return (*keys, *unique, *_OF_MEANING.get(spec.full_name, ()))
