"""A small made-up plant as Arrow tables, with the columns modules read: for tests of modules and agents.

Three machines of one type over some weeks. The first leaks at its seal twice, the second runs hot and stays so, the
third is quiet and has no life model. All values are computed, none is random, so that two plants of the same
arguments are equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
_TIME = pa.timestamp("us", tz="UTC")
_UNITS = {"flow": "l/min", "motor_current": "A", "bearing_temperature": "degC"}
_LEVELS = {"flow": 120.0, "motor_current": 4.0, "bearing_temperature": 55.0}
_LEAK = "SEAL_LEAK"
_HOT = "BEARING_HOT"


@dataclass(frozen=True, slots=True)
class SamplePlant:
    """What the plant is called and when it ran.

    Attributes:
        prefix: machines are `<prefix>-1` to `<prefix>-3`.
        equipment_type: their type.
        site: where they stand.
        first: first day with data.
        days: number of days; at least 50.
        scale: factor on every value, so that two tenants differ.
    """

    prefix: str = "pump"
    equipment_type: str = "centrifugal_pump"
    site: str = "north"
    first: date = date(2023, 4, 1)
    days: int = 60
    scale: float = 1.0

    @property
    def last(self) -> date:
        """Last day with data."""
        return self.first + timedelta(days=self.days - 1)

    def machine(self, number: int) -> str:
        """Id of a machine."""
        return f"{self.prefix}-{number}"

    def tables(self) -> dict[str, pa.Table]:
        """Tables by full name."""
        episodes = list(self._episodes())
        return {
            "silver.signal_hourly": pa.Table.from_pylist(list(self._hours()), schema=_schema(_HOURLY)),
            "silver.fault_episodes": pa.Table.from_pylist(episodes, schema=_schema(_EPISODE)),
            "silver.events": pa.Table.from_pylist(list(_events(episodes)), schema=_schema(_EVENT)),
            "gold.kpi_daily": pa.Table.from_pylist(list(self._kpis()), schema=_schema(_KPI)),
            "gold.deviation_daily": pa.Table.from_pylist(list(self._deviations()), schema=_schema(_DEVIATION)),
            "gold.health_daily": pa.Table.from_pylist(list(self._health()), schema=_schema(_HEALTH)),
            "gold.envelope_daily": pa.Table.from_pylist(list(self._envelopes()), schema=_schema(_ENVELOPE)),
            "gold.envelope_signal_daily": pa.Table.from_pylist(list(self._envelope_signals()), schema=_schema(_SIGNAL)),
            "gold.remaining_life": pa.Table.from_pylist(list(self._lives()), schema=_schema(_LIFE)),
        }

    def _each(self) -> Iterator[tuple[int, Row, date]]:
        for number in (1, 2, 3):
            names = {"site": self.site, "equipment_id": self.machine(number), "equipment_type": self.equipment_type}
            for offset in range(self.days):
                yield number, names, self.first + timedelta(days=offset)

    def _strain(self, number: int, day: date) -> float:
        """How far from normal a machine is, in spreads."""
        offset = (day - self.first).days
        if number == 1:
            return 6.0 if offset in (5, 40) else 0.4
        return max(0.3, (offset - 35) / 4) if number == 2 else 0.2

    def _value(self, signal: str, number: int, at: datetime) -> float:
        wave = math.sin(at.hour / 24 * 2 * math.pi) + number / 10 + at.day / 100
        strain = self._strain(number, at.date()) if signal == "bearing_temperature" else 0.0
        return round(self.scale * (_LEVELS[signal] * (1 + wave / 50) + strain), 6)

    def _hours(self) -> Iterator[Row]:
        for number, names, day in self._each():
            for hour in range(0, 24, 6):
                at = datetime.combine(day, time(hour), UTC)
                for signal, unit in _UNITS.items():
                    value = self._value(signal, number, at)
                    yield {
                        **names,
                        "signal": signal,
                        "unit": unit,
                        "hour": at,
                        "mean": value,
                        "min": value * 0.97,
                        "max": value * 1.04,
                        "last": value,
                        "samples": 60,
                        "observed_s": 3600.0,
                        "date": day,
                    }

    def _episodes(self) -> Iterator[Row]:
        for number, offset, hours, code, message in (
            (1, 5, 7.5, _LEAK, "Seal leaks, look at the drain"),
            (1, 40, 3.25, _LEAK, "Seal leaks, look at the drain"),
            (2, 45, None, _HOT, "Bearing above its limit"),
        ):
            day = self.first + timedelta(days=offset)
            raised = datetime.combine(day, time(9, 30), UTC)
            yield {
                "episode_id": f"{self.machine(number)}/{code}/{day}",
                "site": self.site,
                "equipment_id": self.machine(number),
                "equipment_type": self.equipment_type,
                "fault_code": code,
                "severity": 80,
                "level": "warning",
                "message": message,
                "raised_at": raised,
                "cleared_at": raised + timedelta(hours=hours) if hours else None,
                "duration_s": hours * 3600 if hours else None,
                "date": day,
            }

    def _kpis(self) -> Iterator[Row]:
        for number, names, day in self._each():
            faults = 1.0 if number == 1 and (day - self.first).days in (5, 40) else 0.0
            for kpi, value, unit in (
                ("availability", round(0.98 - number / 100 - faults / 10, 6), "1"),
                ("utilisation", round(0.6 + number / 20 + day.day / 400, 6), "1"),
                ("fault_count", faults, "1"),
            ):
                yield {**names, "kpi": kpi, "value": value, "unit": unit, "samples": 24, "date": day}

    def _deviations(self) -> Iterator[Row]:
        for number, names, day in self._each():
            for signal, unit in _UNITS.items():
                level = _LEVELS[signal] * self.scale
                strain = self._strain(number, day) if signal == "bearing_temperature" else 0.1
                figures = {"mean": level + strain, "baseline": level, "spread": 1.0, "deviation": strain}
                yield {**names, "signal": signal, "unit": unit, **figures, "date": day}

    def _health(self) -> Iterator[Row]:
        for number, names, day in self._each():
            strain = round(self._strain(number, day), 6)
            reason = f"bearing temperature {strain} spreads above its baseline"
            top = {"top_signal": "bearing_temperature", "top_deviation": strain}
            yield {**names, "anomaly_score": strain / (strain + 6), **top, "reason": reason, "date": day}

    def _envelopes(self) -> Iterator[Row]:
        for row in self._envelope_signals():
            strain = row["spreads"]
            if row["signal"] != "bearing_temperature":
                continue
            names = {name: row[name] for name in (*_NAMES, "hours", "hours_outside", "settings", "date")}
            reason = f"in every hour, bearing_temperature {strain} spreads above what is usual at {row['settings']}"
            score = {"distance": strain / 3, "anomaly_score": strain / (strain + 3), "hours_pooled": 0}
            yield {**names, **score, "top_signal": row["signal"], "top_deviation": strain, "reason": reason}

    def _envelope_signals(self) -> Iterator[Row]:
        """Limits are three spreads away; half of the day is under load."""
        for number, names, day in self._each():
            for signal, unit in _UNITS.items():
                strain = round(self._strain(number, day), 6) if signal == "bearing_temperature" else 0.1
                figures = {"mean": self.scale * (_LEVELS[signal] + strain), "deviation": strain, "spreads": strain}
                hours = {"hours": 24, "hours_outside": 12 if strain > 3 else 0, "settings": "flow 110 to 130 l/min"}
                yield {**names, "signal": signal, "unit": unit, **figures, **hours, "date": day}

    def _lives(self) -> Iterator[Row]:
        for number, names, day in self._each():
            if number < 3:
                left = 400.0 / number - (day - self.first).days
                yield {
                    **names,
                    "as_of": datetime.combine(day, time(23), UTC),
                    "age": float((day - self.first).days),
                    "life_median": left,
                    "life_low": left * 0.7,
                    "life_high": left * 1.4,
                    "unit": "cycles",
                    "drivers": "bearing temperature rising",
                    "model_version": "sample",
                    "date": day,
                }


def _events(episodes: list[Row]) -> Iterator[Row]:
    for episode in episodes:
        for state, at in (("raised", episode["raised_at"]), ("cleared", episode["cleared_at"])):
            if at is not None:
                same = {name: episode[name] for name in ("site", "equipment_id", "equipment_type", "fault_code")}
                told = {"severity": episode["severity"], "message": episode["message"]}
                yield {
                    "event_id": f"{episode['episode_id']}/{state}",
                    **same,
                    **told,
                    "state": state,
                    "ts": at,
                    "date": at.date(),
                }


_NAMES = ("site", "equipment_id", "equipment_type")
_HOURLY = (*_NAMES, "signal", "unit", "hour", "mean", "min", "max", "last", "samples", "observed_s", "date")
_TIMES = ("raised_at", "cleared_at", "duration_s")
_EPISODE = ("episode_id", *_NAMES, "fault_code", "severity", "level", "message", *_TIMES, "date")
_EVENT = ("event_id", *_NAMES, "ts", "fault_code", "severity", "state", "message", "date")
_KPI = (*_NAMES, "kpi", "value", "unit", "samples", "date")
_DEVIATION = (*_NAMES, "signal", "unit", "mean", "baseline", "spread", "deviation", "date")
_HEALTH = (*_NAMES, "anomaly_score", "top_signal", "top_deviation", "reason", "date")
_HOURS = ("hours", "hours_outside", "settings")
_SIGNAL = (*_NAMES, "signal", "unit", "mean", "deviation", "spreads", *_HOURS, "date")
_TOP = ("top_signal", "top_deviation", "reason")
_ENVELOPE = (*_NAMES, "distance", "anomaly_score", *_HOURS, "hours_pooled", *_TOP, "date")
_LEFT = ("life_median", "life_low", "life_high")
_LIFE = (*_NAMES, "as_of", "age", *_LEFT, "unit", "drivers", "model_version", "date")
_FLOATS = (
    *("mean", "min", "max", "last", "observed_s", "duration_s", "value", "baseline", "spread", "deviation"),
    *("anomaly_score", "top_deviation", "spreads", "distance", "age", *_LEFT),
)
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("hour", "ts", "as_of", "raised_at", "cleared_at"), _TIME),
    **dict.fromkeys(("severity", "samples", "hours", "hours_outside", "hours_pooled"), pa.int64()),
    **dict.fromkeys(_FLOATS, pa.float64()),
    "date": pa.date32(),
}


def _schema(columns: tuple[str, ...]) -> pa.Schema:
    return pa.schema([(name, _TYPES.get(name, pa.string())) for name in columns])
