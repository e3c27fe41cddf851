"""What the life model looks at: smoothed signals, their slopes and their distance from the machine's own baseline.

Pure: frames in, frames out. The same function serves recorded lives and running machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from quality.sentences import sentence

WINDOWS = (10, 20, 40)
"""Samples of a moving mean: short ones follow wear quickly, long ones see it through noise."""
LEFT_BASELINE = 2.0
"""Spreads beyond which a smoothed signal has left its baseline."""
_HALF_LIFE = 14.0
"""Samples after which a value counts half in the mean that fades."""
REACH = 120
"""Samples that a row is told from: what lies further back moves none of its features."""
_MACHINE = "equipment_id"
_SHORT = f"mean{WINDOWS[0]}"
_KINDS = [*(f"mean{n}" for n in WINDOWS), *(f"change{n}" for n in WINDOWS[1:]), "faded", "distance"]


def features(samples: pl.DataFrame, baselines: pl.DataFrame, signals: Sequence[str]) -> pl.DataFrame:
    """One row a machine and time: `equipment_id`, `ts`, `date` and the columns of `feature_names`.

    Args:
        samples: `equipment_id`, `ts`, `age` (in cycles), `signal`, `value`, of one equipment type.
        baselines: `equipment_id`, `signal`, `center`, `spread`, `last_ts`; until one is complete its distance is null.
        signals: signals to use; a sample missing at a time is the one before it.
    """
    wide = _wide(followed(samples, baselines, signals).select(_MACHINE, "ts", "signal", *_KINDS), signals)
    ages = samples.group_by(_MACHINE, "ts").agg(pl.col("age").max())
    joined = wide.join(ages, on=[_MACHINE, "ts"]).sort(_MACHINE, "ts")
    filled = pl.col(feature_names(signals)).forward_fill().over(_MACHINE)
    return joined.with_columns(filled).with_columns(date=pl.col("ts").dt.date())


def at_ends_of_days(
    samples: pl.DataFrame, followed: pl.DataFrame, signals: Sequence[str], days: Sequence[date]
) -> pl.DataFrame:
    """Of `features` the last row of each machine on each of some days: what no row of them shows is not laid out.

    Args:
        samples: see `features`.
        followed: what the function of that name says of them.
        signals: see `features`.
        days: the days.
    """
    told = followed.select(_MACHINE, "ts", "signal", *_KINDS).sort("ts")
    on_days = told.filter(pl.col("ts").dt.date().is_in(list(days)))
    ends = on_days.group_by(_MACHINE, date=pl.col("ts").dt.date()).agg(pl.col("ts").max())
    asked = ends.join(pl.DataFrame({"signal": sorted(signals)}), how="cross").sort("ts")
    last = asked.join_asof(told, on="ts", by=[_MACHINE, "signal"], check_sortedness=False)
    aged = samples.filter(pl.col("age").is_not_null()).join(told, on=[_MACHINE, "ts"], how="semi")
    ages = aged.group_by(_MACHINE, "ts").agg(pl.col("age").max()).sort("ts")
    moments = ends.sort("ts").join_asof(ages, on="ts", by=_MACHINE, check_sortedness=False)
    return moments.join(_wide(last, signals), on=[_MACHINE, "ts"]).sort(_MACHINE, "ts")


def followed(samples: pl.DataFrame, baselines: pl.DataFrame, signals: Sequence[str]) -> pl.DataFrame:
    """Each signal at each of its own times: smoothed, its changes, and its distance from the baseline with `spread`.

    Arguments: see `features`.
    """
    smooth = _smoothed(samples.filter(pl.col("signal").is_in(list(signals))))
    known = baselines.select(_MACHINE, "signal", "center", "spread", complete="last_ts")
    distance = pl.when(pl.col("ts") >= pl.col("complete")).then(pl.col(_SHORT) - pl.col("center"))
    return smooth.join(known, on=[_MACHINE, "signal"], how="left", maintain_order="left").with_columns(
        distance=distance
    )


def _wide(by_signal: pl.DataFrame, signals: Sequence[str]) -> pl.DataFrame:
    return by_signal.pivot(
        on="signal", on_columns=sorted(signals), index=[_MACHINE, "ts"], values=_KINDS, aggregate_function="last"
    )


def feature_names(signals: Sequence[str]) -> list[str]:
    """Columns of the feature matrix, in order."""
    return ["age", *(f"{kind}_{signal}" for kind in _KINDS for signal in sorted(signals))]


def drivers(followed: pl.DataFrame, seen_days: int | None = None) -> pl.DataFrame:
    """In words, which signals have moved most from the machine's own baseline at the end of each day, and since when.

    Args:
        followed: signals to look at, see the function of that name.
        seen_days: days before each day that samples surely reach back; None if they reach to the first.

    Returns:
        `equipment_id`, `date`, `drivers`: at most three signals, the farthest first.
    """
    moved = followed.filter(pl.col("distance").is_not_null()).select(
        _MACHINE, "signal", "ts", spreads=pl.col("distance") / pl.col("spread")
    )
    out = pl.col("spreads").abs() >= LEFT_BASELINE
    run = [_MACHINE, "signal", "run"]
    dated = (
        moved.with_columns(out=out, run=(~out).cum_sum().over(_MACHINE, "signal"))
        .with_columns(since=pl.col("ts").filter(pl.col("out")).min().over(run), date=pl.col("ts").dt.date())
        .group_by(_MACHINE, "signal", "date", maintain_order=True)
        .last()
        .filter("out")
    )
    direction = pl.when(pl.col("spreads") < 0).then(pl.lit("below")).otherwise(pl.lit("above"))
    since = sentence("since {}", pl.col("since").dt.strftime("%Y-%m-%d"))
    if seen_days is not None:
        longer = pl.col("since").dt.date() <= pl.col("date") - timedelta(days=seen_days)
        since = pl.when(longer).then(pl.lit(f"for {seen_days} days or more")).otherwise(since)
    words = sentence(
        "{} {} spreads {} its own baseline {}", "signal", pl.col("spreads").abs().round(1), direction, since
    )
    ranked = dated.with_columns(words=words).sort(
        _MACHINE, "date", pl.col("spreads").abs(), descending=[False, False, True]
    )
    return ranked.group_by(_MACHINE, "date", maintain_order=True).agg(drivers=pl.col("words").head(3).str.join("; "))


def _smoothed(samples: pl.DataFrame) -> pl.DataFrame:
    """Moving means of a signal, each but the shortest with its change against the samples before it."""
    signal = [_MACHINE, "signal"]
    ordered = samples.filter(pl.col("value").is_not_null()).sort(*signal, "ts")
    means = {f"mean{n}": pl.col("value").rolling_mean(n, min_samples=1).over(signal) for n in WINDOWS}
    faded = pl.col("value").ewm_mean(half_life=_HALF_LIFE).over(signal)
    changes = {f"change{n}": (pl.col(f"mean{n}") - pl.col(f"mean{n}").shift(n)).over(signal) for n in WINDOWS[1:]}
    return ordered.with_columns(**means, faded=faded).with_columns(**changes)
