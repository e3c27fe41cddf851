"""Machines' healthy envelopes, learnt from their first hours and kept as rows. Pure: frames in, frames out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from assets.gold.own_past import COMMISSIONING_DAYS, COMMISSIONING_SAMPLES, LEAST_SAMPLES, MACHINE
from assets.models.conditions import Conditions
from assets.models.healthy import Healthy, Shape, conditions_in
from assets.models.monitor import Numbers
from lake.tables.envelopes import ENVELOPE

HOURLY_COLUMNS = [*MACHINE, "signal", "unit", "role", "hour", "mean", "date"]
"""What is read of `silver.signal_hourly`."""
ALL = "all conditions"
_SETTINGS = ["running", "speed"]
_NOT_MEASURED = ["count", "good", "fault"]
_LEAST_PRESENT = 0.9
"""Share of the hours of commissioning in which a signal must be there to take part."""


def measured(hourly: pl.DataFrame) -> pl.DataFrame:
    """Hours of what a machine measures: no counters; windows only of machines, or with roles, that send nothing else.

    Args:
        hourly: rows of `silver.signal_hourly`.
    """
    window = pl.col("signal").str.contains(":", literal=True)
    mean = pl.col("signal").str.contains(":mean:", literal=True)
    sends_else = (~window).any().over(MACHINE)
    useful = hourly.filter(~pl.col("role").fill_null("").is_in(_NOT_MEASURED))
    return useful.filter(~window | (mean & (~sends_else | pl.col("role").is_not_null())))


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of one machine in order.

    Attributes:
        machine: site, equipment, type.
        at: start of each hour, UTC.
        values: hours by signals; nan where one is absent.
        units: by signal, in the order of the columns of `values`.
        settings: signals whose role tells the operating condition.
    """

    machine: tuple[str, ...]
    at: np.ndarray[Any, np.dtype[np.datetime64]]
    values: Numbers
    units: Mapping[str, str]
    settings: tuple[str, ...]

    def columns(self, signals: Sequence[str]) -> Numbers:
        """Values of some signals; nan for one that did not come at all."""
        absent = np.full((len(self.at), 1), np.nan)
        place = {name: n for n, name in enumerate(self.units)}
        return np.hstack([self.values, absent])[:, [place.get(name, -1) for name in signals]]

    def whole(self) -> Hours:
        """Hours that have every signal that commissioning had, and those signals only."""
        early = np.isfinite(self.values[:COMMISSIONING_SAMPLES]).mean(axis=0) >= _LEAST_PRESENT
        rows = np.isfinite(self.values[:, early]).all(axis=1)
        units = {name: unit for (name, unit), taking in zip(self.units.items(), early, strict=True) if taking}
        settings = tuple(name for name in self.settings if name in units)
        return replace(self, at=self.at[rows], values=self.values[rows][:, early], units=units, settings=settings)


def by_machine(hourly: pl.DataFrame) -> Iterator[Hours]:
    """Each machine's hours.

    Args:
        hourly: see `measured`.
    """
    for kind in measured(hourly).partition_by("site", "equipment_type"):
        told = kind.select("signal", "role", "unit").unique("signal", keep="last", maintain_order=True).sort("signal")
        units = dict(zip(told["signal"], told["unit"], strict=True))
        settings = tuple(told.filter(pl.col("role").is_in(_SETTINGS))["signal"])
        wide = kind.pivot("signal", index=[*MACHINE, "hour"], values="mean", aggregate_function="last")
        for rows in wide.sort(*MACHINE, "hour").partition_by(MACHINE, maintain_order=True):
            values = np.stack([rows[name].to_numpy() for name in units], axis=1).astype(np.float64)
            machine = tuple(str(rows[name][0]) for name in MACHINE)
            yield Hours(machine, rows["hour"].to_numpy(), values, units, settings)


def envelopes(hourly: pl.DataFrame, needed: Mapping[str, int]) -> pl.DataFrame:
    """Rows of `gold.envelope`, but for the order of columns, of machines whose commissioning is complete.

    Args:
        hourly: rows of `silver.signal_hourly` from each machine's first day on.
        needed: hours of commissioning by equipment type, see `own_past.commissioning`; two weeks for others.
    """
    found: list[dict[str, Any]] = []
    for machine in (one.whole() for one in by_machine(hourly)):
        until = _complete(machine, needed.get(machine.machine[2]))
        if until is not None:
            healthy = Healthy.fit(
                tuple(machine.units), machine.values[:until], machine.settings, _shares(machine, until)
            )
            named = dict(zip(MACHINE, machine.machine, strict=True))
            complete = machine.at[until - 1].astype("datetime64[D]").item()
            found += [{**named, **row, "date": complete} for row in _rows(healthy, machine.units)]
    return pl.DataFrame(found, schema=pl.Schema(ENVELOPE.schema))


def _shares(machine: Hours, hours: int) -> list[bool]:
    early = machine.values[:hours]
    within = np.all((early >= 0) & (early <= 1), axis=0).tolist()
    return [unit == "1" and inside for unit, inside in zip(machine.units.values(), within, strict=True)]


def _complete(machine: Hours, needed: int | None) -> int | None:
    """Hours that commissioning takes; None while it goes on.

    A short one, of a type whose lives are recorded, goes on to twice its length where hours are in no condition yet.
    """
    if not machine.units or len(machine.at) < LEAST_SAMPLES:
        return None
    young = machine.at - machine.at[0] < np.timedelta64(COMMISSIONING_DAYS, "D")
    until = min(max(int(young.sum()) + 1, LEAST_SAMPLES), needed or COMMISSIONING_SAMPLES)
    if needed and len(machine.at) >= until and _some_in_none(machine, until):
        until *= 2
    return until if len(machine.at) >= until else None


def _some_in_none(machine: Hours, hours: int) -> bool:
    found = conditions_in(tuple(machine.units), machine.values[:hours], machine.settings)
    return bool(found.settings) and bool((found.place(machine.columns(found.settings)[:hours]) == 0).any())


def _rows(found: Healthy, units: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for condition in range(len(found.conditions) + 1):
        own = min(condition, 1)
        bands = _bands(found.conditions, condition)
        for n, name in enumerate(found.signals):
            center, spread = float(found.shape.center[condition, n]), float(found.shape.spread[condition, n])
            reach = spread * float(found.width[own, n])
            yield {
                "condition": condition,
                "settings": _in_words(bands, units),
                "bands": json.dumps(bands),
                "signal": name,
                "unit": units[name],
                "center": center,
                "spread": spread,
                "low": center - reach,
                "high": center + reach,
                "hours": found.hours[condition],
                "edge": float(found.edge[own]),
                "precision": json.dumps(dict(zip(found.signals, found.shape.precision[own, n].tolist(), strict=True))),
                "stated_rate": found.stated,
                "measured_rate": found.measured,
            }


def _bands(conditions: Conditions, condition: int) -> dict[str, list[float]]:
    if not condition:
        return {}
    edges = zip(conditions.low[condition - 1].tolist(), conditions.high[condition - 1].tolist(), strict=True)
    return {name: list(edge) for name, edge in zip(conditions.settings, edges, strict=True)}


def _in_words(bands: Mapping[str, list[float]], units: Mapping[str, str]) -> str:
    return ", ".join(_band(name, low, high, units[name]) for name, (low, high) in bands.items()) or ALL


def _band(name: str, low: float, high: float, unit: str) -> str:
    return f"{name} {max(low, 0.0):.3g} to {high:.3g}" if unit == "1" else f"{name} {low:.3g} to {high:.3g} {unit}"


def restored(rows: pl.DataFrame) -> Healthy:
    """The envelope that one machine's rows of `gold.envelope` hold, sorted by condition and signal."""
    of = rows.to_dict(as_series=False)
    count = of["condition"][-1] + 1
    shape = (count, len(of["signal"]) // count)
    signals, first = tuple(of["signal"][: shape[1]]), slice(None, None, shape[1])
    bands = [json.loads(one) for one in of["bands"][first]][1:]
    settings = tuple(bands[0]) if bands else ()
    boxes = np.array([[one[name] for name in settings] for one in bands]).reshape(len(bands), len(settings), 2)
    center, spread, high = (np.reshape(of[name], shape) for name in ("center", "spread", "high"))
    inverse = np.array([[json.loads(one)[name] for name in signals] for one in of["precision"]])
    ways = [0, -1]
    return Healthy(
        signals,
        Conditions(settings, boxes[:, :, 0], boxes[:, :, 1]),
        tuple(of["hours"][first]),
        Shape(center, spread, inverse.reshape(*shape, shape[1])[ways]),
        np.array(of["edge"][first])[ways],
        ((high - center) / spread)[ways],
        of["stated_rate"][0],
        of["measured_rate"][0],
    )
