"""Bare Polars and NumPy: healthy envelopes of machines that send every signal every hour, and days held against them.

The fit itself is `assets.models.healthy`, called by both sides alike: what is held against each other is all around it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from assets.models.healthy import Healthy
from bench.tables.step import Place
from lake.tables import envelopes, silver

_MACHINE = ["site", "equipment_id", "equipment_type"]
_DAY = [*_MACHINE, "date"]
_SIGNAL = [*_MACHINE, "signal", "unit", "date"]
_HOURS = 336
_ALL = "all conditions"
_UNSEEN, _OUTSIDE = 1, 2


def envelope(place: Place, days: Sequence[date]) -> None:
    """`gold.envelope`: of each machine the first two weeks of hours."""
    measured = place.scan(silver.SIGNAL_HOURLY).filter(
        pl.col("date") <= days[-1], ~pl.col("role").fill_null("").is_in(["count", "good", "fault"])
    )
    early = pl.col("hour") < pl.col("hour").min().over(_MACHINE) + pl.duration(hours=_HOURS)
    hours = measured.filter(early).select(*_MACHINE, "hour", "signal", "unit", "role", "mean").collect()
    told = hours.select("signal", "unit", "role").unique().sort("signal")
    names, units = told["signal"].to_list(), dict(zip(told["signal"], told["unit"], strict=True))
    settings = told.filter(pl.col("role").is_in(["running", "speed"]))["signal"].to_list()
    wide = hours.pivot("signal", index=[*_MACHINE, "hour"], values="mean").sort(*_MACHINE, "hour")
    found: list[pl.DataFrame] = []
    for machine, rows in wide.partition_by(_MACHINE, as_dict=True, maintain_order=True).items():
        values = rows.select(names).to_numpy()
        inside = np.all((values >= 0) & (values <= 1), axis=0)
        shares = [units[name] == "1" and ok for name, ok in zip(names, inside.tolist(), strict=True)]
        healthy = Healthy.fit(names, values, settings, shares)
        complete = rows["hour"].to_list()[-1].date()
        found.append(_rows(healthy, dict(zip(_MACHINE, machine, strict=True)), units, complete))
    due = pl.concat(found).filter(pl.col("date").is_between(days[0], days[-1]))
    place.write(envelopes.ENVELOPE, due)


def _rows(found: Healthy, machine: Mapping[str, object], units: Mapping[str, str], complete: date) -> pl.DataFrame:
    conditions, names = len(found.conditions) + 1, found.signals
    own = np.minimum(np.arange(conditions), 1)
    bands = [{}, *(_bands(found, one) for one in range(conditions - 1))]
    rows = [json.dumps(dict(zip(names, row, strict=True))) for way in found.shape.precision.tolist() for row in way]
    reach = found.shape.spread * found.width[own]
    each = len(names)
    return pl.DataFrame(
        {
            "condition": np.repeat(np.arange(conditions), each),
            "settings": np.repeat([_in_words(one, units) for one in bands], each).tolist(),
            "bands": np.repeat([json.dumps(one) for one in bands], each).tolist(),
            "signal": [*names] * conditions,
            "unit": [units[name] for name in names] * conditions,
            "center": found.shape.center.ravel(),
            "spread": found.shape.spread.ravel(),
            "low": (found.shape.center - reach).ravel(),
            "high": (found.shape.center + reach).ravel(),
            "hours": np.repeat(found.hours, each),
            "edge": np.repeat(found.edge[own], each),
            "precision": rows[:each] + rows[each:] * (conditions - 1),
        }
    ).with_columns(
        *(pl.lit(value).alias(name) for name, value in machine.items()),
        stated_rate=pl.lit(found.stated),
        measured_rate=pl.lit(found.measured),
        date=pl.lit(complete),
    )


def _bands(found: Healthy, condition: int) -> dict[str, list[float]]:
    edges = np.stack([found.conditions.low[condition], found.conditions.high[condition]], axis=1)
    return dict(zip(found.conditions.settings, edges.tolist(), strict=True))


def _in_words(bands: Mapping[str, Sequence[float]], units: Mapping[str, str]) -> str:
    each = (
        f"{name} {max(low, 0.0):.3g} to {high:.3g}"
        if units[name] == "1"
        else f"{name} {low:.3g} to {high:.3g} {units[name]}"
        for name, (low, high) in bands.items()
    )
    return ", ".join(each) or _ALL


def envelope_daily(place: Place, days: Sequence[date]) -> None:
    """`gold.envelope_signal_daily` and `gold.envelope_daily`."""
    known = place.scan(envelopes.ENVELOPE).collect()
    complete = known.lazy().select(*_MACHINE, "signal", "unit", complete="date").unique()
    hours = (
        place.scan(silver.SIGNAL_HOURLY)
        .filter(pl.col("date").is_between(days[0], days[-1]))
        .join(complete, on=[*_MACHINE, "signal", "unit"])
        .filter(pl.col("date") > pl.col("complete"))
        .select(*_SIGNAL, "hour", "mean")
        .collect()
    )
    knows = known.group_by(_MACHINE).agg(knows=pl.col("condition").max() > 0)
    placed = (
        pl.concat(_placed(hours, known))
        .join(knows, on=_MACHINE)
        .with_columns(seen=(pl.col("condition") > 0) | ~pl.col("knows"))
    )
    facts = known.select(*_MACHINE, "condition", "settings", "signal", "center", "spread", "low", "high")
    off = pl.col("mean") - pl.col("center")
    signals = (
        hours.lazy()
        .join(placed.lazy(), on=[*_DAY, "hour"])
        .join(facts.lazy(), on=[*_MACHINE, "condition", "signal"])
        .with_columns(off=off, spreads=off / pl.col("spread"))
        .collect()
    )
    place.write(envelopes.ENVELOPE_SIGNAL_DAILY, _signal_days(signals.lazy()).collect())
    place.write(envelopes.ENVELOPE_DAILY, _machine_days(placed.lazy(), signals.lazy()).collect())


def _placed(hours: pl.DataFrame, known: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Condition and distance of each hour of each machine."""
    wide = hours.pivot("signal", index=[*_DAY, "hour"], values="mean").sort(*_DAY, "hour")
    of = known.sort("condition", "signal").partition_by(_MACHINE, as_dict=True)
    for machine, rows in wide.partition_by(_MACHINE, as_dict=True).items():
        facts = of[machine]
        count = facts["condition"].n_unique()
        names = facts["signal"].to_list()[: facts.height // count]
        each = len(names)
        values = rows.select(names).to_numpy()
        bands: list[dict[str, Any]] = [json.loads(one) for one in facts["bands"].to_list()[::each]][1:]
        condition = np.zeros(len(values), dtype=np.int64)
        for number, boxes in reversed(list(enumerate(bands, 1))):
            inside = [
                (rows[name].to_numpy() >= low) & (rows[name].to_numpy() <= high) for name, (low, high) in boxes.items()
            ]
            condition[np.all(inside, axis=0)] = number
        center, spread = (facts[name].to_numpy().reshape(count, each) for name in ("center", "spread"))
        deviations = (values - center[condition]) / spread[condition]
        inverse = [
            _inverse(facts["precision"].to_list()[begin : begin + each], names) for begin in (0, facts.height - each)
        ]
        squared = np.where(condition == 0, *(((deviations @ one) * deviations).sum(axis=1) for one in inverse))
        edge = facts["edge"].to_numpy()[[0, -1]]
        yield rows.select(*_DAY, "hour").with_columns(
            condition=pl.Series(condition), distance=pl.Series(np.sqrt(squared / edge[np.minimum(condition, 1)]))
        )


def _inverse(rows: Sequence[str], names: Sequence[str]) -> np.ndarray:
    return np.array([[one[name] for name in names] for one in map(json.loads, rows)])


def _signal_days(signals: pl.LazyFrame) -> pl.LazyFrame:
    mean, low, high = (pl.col(name) for name in ("mean", "low", "high"))
    in_limits = (pl.col("off").abs() / ((high - low) / 2)).mean()
    return (
        _with_run(signals, ~mean.is_between(low, high), _SIGNAL)
        .group_by(_SIGNAL)
        .agg(
            *_run(),
            *_farthest(),
            mean=mean.mean(),
            deviation=pl.col("off").mean(),
            spreads=pl.col("spreads").mean(),
            anomaly_score=in_limits / (in_limits + 1),
            off=pl.col("off").filter("told").mean(),
        )
        .with_columns(reason=_words())
    )


def _machine_days(machines: pl.LazyFrame, signals: pl.LazyFrame) -> pl.LazyFrame:
    told = _with_run(machines, pl.col("distance") > 1, _DAY)
    distance = pl.col("distance").mean()
    farthest = (
        signals.join(told.filter("told").select(*_MACHINE, "hour"), on=[*_MACHINE, "hour"], how="semi")
        .group_by(_SIGNAL)
        .agg(*_farthest(), off=pl.col("off").mean(), top_deviation=pl.col("spreads").mean())
        .sort(*_DAY, pl.col("top_deviation").abs(), "signal", descending=[False] * 4 + [True, False])
        .unique(_DAY, keep="first", maintain_order=True)
    )
    days = told.group_by(_DAY).agg(
        *_run(),
        distance=distance,
        anomaly_score=distance / (distance + 1),
        hours_pooled=(~pl.col("seen")).sum().cast(pl.Int64),
    )
    return days.join(farthest, on=_DAY).with_columns(reason=_words()).rename({"signal": "top_signal"})


def _with_run(hours: pl.LazyFrame, outside: pl.Expr, group: list[str]) -> pl.LazyFrame:
    """Hours with `found`, `run`, the longest and last run of the worst found, and `told`, the hours that speak."""
    found = pl.when(~pl.col("seen")).then(_UNSEEN).when(outside).then(_OUTSIDE).otherwise(0)
    numbered = (
        hours.sort(*group, "hour").with_columns(found=found).with_columns(number=pl.col("found").rle_id().over(group))
    )
    worst = (
        numbered.filter(pl.col("found") > 0)
        .group_by(*group, "number")
        .agg(pl.col("found").first(), length=pl.len())
        .sort("found", "length", "number")
        .group_by(group, maintain_order=True)
        .agg(worst=pl.col("number").last())
    )
    run = (pl.col("number") == pl.col("worst")).fill_null(value=False)
    return numbered.join(worst, on=group, how="left", maintain_order="left").with_columns(
        run=run, told=run | pl.col("worst").is_null()
    )


def _run() -> list[pl.Expr]:
    hour = pl.col("hour")
    return [
        pl.len().cast(pl.Int64).alias("hours"),
        (pl.col("found") == _OUTSIDE).sum().cast(pl.Int64).alias("hours_outside"),
        hour.filter("run").min().alias("since"),
        hour.filter("run").max().alias("until"),
        hour.max().alias("last"),
        pl.col("run").all().alias("always"),
    ]


def _farthest() -> list[pl.Expr]:
    return [pl.col(name).sort_by(pl.col("spreads").abs()).last() for name in ("condition", "settings", "knows")]


def _words() -> pl.Expr:
    since, until = (pl.col(name).dt.strftime("%H:%M") for name in ("since", "until"))
    ended = (pl.col("until") + pl.duration(hours=1)).dt.strftime("%H:%M")
    when = (
        pl.when(pl.col("since").is_null())
        .then(pl.lit("within its limits"))
        .when("always")
        .then(pl.lit("in every hour"))
        .when(until == pl.col("last").dt.strftime("%H:%M"))
        .then(pl.format("since {}", since))
        .otherwise(pl.format("from {} to {}", since, ended))
    )
    known = pl.lit(" over all conditions; commissioning did not know this one")
    at = (
        pl.when(pl.col("settings") != _ALL)
        .then(pl.format(" at {}", "settings"))
        .when("knows")
        .then(known)
        .otherwise(pl.lit(""))
    )
    unit = pl.when(pl.col("unit") == "1").then(pl.lit("")).otherwise(pl.format(" {}", "unit"))
    side = pl.when(pl.col("off") < 0).then(pl.lit("below")).otherwise(pl.lit("above"))
    return pl.format(
        "{}, {} {}{} {} what is usual{}", when, "signal", pl.col("off").abs().round_sig_figs(3), unit, side, at
    )
