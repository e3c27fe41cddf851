"""Bare Polars: what the life model is asked of machines, and its answers, of a type with a counter of cycles.

The model is fitted once and is asked by both sides alike: what is held against each other is all around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from assets.gold.life_features import feature_names
from assets.gold.life_fit import LifeModel
from bench.tables.plant import SITE
from bench.tables.step import Place
from lake.artefacts import Artefacts
from lake.tables import gold, silver

_SERIES = ["equipment_id", "signal"]
_BACK = timedelta(days=30)
_LEFT, _MEANS = 2.0, (10, 20, 40)


def remaining_life(place: Place, days: Sequence[date]) -> None:
    """`gold.remaining_life` of the one type that has a model, whose machines send every signal every time."""
    known = place.scan(gold.LIFE_MODEL).collect().to_dicts()[0]
    model = LifeModel.from_bytes(Artefacts(place.lake).load(known["artefact"]))
    value, ts = pl.col("value"), pl.col("ts")
    sent = place.scan(silver.READINGS).filter(
        pl.col("date").is_between(days[0] - _BACK, days[-1]),
        pl.col("equipment_type") == known["equipment_type"],
        pl.col("quality") & 0xC000_0000 == 0,
        value.is_not_null(),
    )
    ages = sent.filter(pl.col("role") == "count").select("equipment_id", "ts", age="value").sort("ts").collect()
    baselines = place.scan(gold.BASELINE).select(*_SERIES, "center", "spread", complete="last_ts")
    means = {f"mean{n}": value.rolling_mean(n, min_samples=1).over(_SERIES) for n in _MEANS}
    changes = {f"change{n}": (pl.col(f"mean{n}") - pl.col(f"mean{n}").shift(n)).over(_SERIES) for n in _MEANS[1:]}
    away = pl.when(ts >= pl.col("complete")).then(pl.col("mean10") - pl.col("center"))
    out = (pl.col("distance") / pl.col("spread")).abs() >= _LEFT
    smooth = (
        sent.filter(pl.col("signal").is_in(list(model.signals)))
        .select(*_SERIES, "date", "ts", "value")
        .sort(*_SERIES, "ts")
        .with_columns(**means, faded=value.ewm_mean(half_life=14.0).over(_SERIES))
        .with_columns(**changes)
        .join(baselines, on=_SERIES, how="left", maintain_order="left")
        .with_columns(distance=away)
        .with_columns(out=out, run=(~out).cum_sum().over(_SERIES))
        .with_columns(since=ts.filter("out").min().over(*_SERIES, "run"))
        .filter(pl.col("date").is_between(days[0], days[-1]))
        .unique([*_SERIES, "date"], keep="last", maintain_order=True)
        .collect()
    )
    kinds = [*means, *changes, "faded", "distance"]
    last = smooth.group_by("equipment_id", "date").agg(as_of=ts.max())
    wide = (
        smooth.pivot("signal", index=["equipment_id", "date"], values=kinds)
        .join(last, on=["equipment_id", "date"])
        .sort("as_of")
        .join_asof(ages, left_on="as_of", right_on="ts", by="equipment_id", check_sortedness=False)
        .select("equipment_id", "date", "as_of", *feature_names(model.signals))
    )
    told = pl.concat([wide.select("equipment_id", "date", "as_of", "age"), model.ask(wide)], how="horizontal")
    said = told.join(_drivers(smooth), on=["equipment_id", "date"], how="left")
    rows = said.with_columns(
        site=pl.lit(SITE),
        equipment_type=pl.lit(known["equipment_type"]),
        unit=pl.lit("cycles"),
        model_version=pl.lit(known["model_version"]),
    )
    place.write(gold.REMAINING_LIFE, rows)


def _drivers(smooth: pl.DataFrame) -> pl.DataFrame:
    """The three signals farthest off, in words."""
    spreads = pl.col("distance") / pl.col("spread")
    side = pl.when(spreads < 0).then(pl.lit("below")).otherwise(pl.lit("above"))
    since = pl.col("since").dt.strftime("%Y-%m-%d")
    return (
        smooth.filter("out")
        .with_columns(
            words=pl.format("{} {} spreads {} its own baseline since {}", "signal", spreads.abs().round(1), side, since)
        )
        .sort("equipment_id", "date", spreads.abs(), descending=[False, False, True])
        .group_by("equipment_id", "date")
        .agg(drivers=pl.col("words").head(3).str.join("; "))
    )
