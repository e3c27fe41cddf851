"""What state machines were in, from when to when. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import polars as pl

from assets.silver.holding import held

RUNNING, STOPPED, FAULTED = "running", "stopped", "faulted"
RUNS_FROM = 0.5
"""Value of the signal with role running from which on a machine runs; a window's mean is a share."""
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_MACHINE_DAY = ["site", "equipment_id", "equipment_type", "day"]
_CHANGES = ["heard", "runs", "faults"]


def states(
    readings: pl.DataFrame, catalogue: pl.DataFrame, episodes: pl.DataFrame, days: Sequence[date]
) -> pl.DataFrame:
    """Rows of `silver.equipment_states` for `days`.

    A machine is heard while its running signal holds a value, and runs while that is at least one half; without such a
    signal it is heard while any signal of its own holds, and runs throughout.

    Args:
        readings: rows of `silver.readings` of the days, and of the day before each.
        catalogue: see `assets.catalogue.catalogue`.
        episodes: `silver.fault_episodes` raised by the last of the days.
        days: the days to compute.
    """
    spans = _joined(_clipped(_speaking(held(readings, catalogue, days), catalogue), "ts", "until"))
    machine_days = spans.select(_MACHINE_DAY).unique()
    faults = machine_days.join(
        episodes.select("site", "equipment_id", "raised_at", "cleared_at"), on=["site", "equipment_id"]
    ).with_columns(pl.col("cleared_at").fill_null(_midnight(1)), runs=False)
    down = _clipped(faults, "raised_at", "cleared_at")
    changes = pl.concat([_changes(spans, "heard"), _changes(down, "faults")])
    return _intervals(changes)


def telling(catalogue: pl.DataFrame) -> pl.Expr:
    """True for rows of `silver.readings` that `states` needs.

    Of a machine with a running signal those of that signal alone, unless silence says that it did not change: then it
    takes all others to know until when its machine was heard.
    """
    running = catalogue.filter(pl.col("role") == "running")
    enough = running.filter(~pl.col("deadband").any().over("site", "equipment_id"))
    others = ~pl.any_horizontal(
        pl.lit(value=False),
        *(
            (pl.col("site") == site) & pl.col("equipment_id").is_in(machines["equipment_id"].unique().to_list())
            for (site,), machines in enough.partition_by("site", as_dict=True).items()
        ),
    )
    tells = pl.col("signal").is_in(running["role_signal"].unique().to_list())
    return tells | (pl.col("role") == "running").fill_null(value=False) | others


def contradicted(stored: pl.DataFrame, episodes: pl.DataFrame) -> list[date]:
    """Days whose intervals do not agree with the episodes: a fault that was told of late, or cleared, changed them.

    Args:
        stored: rows of `silver.equipment_states`.
        episodes: all of `silver.fault_episodes`.
    """
    machine = ["site", "equipment_id"]
    spans = _merged(episodes)
    last = stored.with_columns(at=pl.col("ended_at") - pl.duration(microseconds=1)).sort("at")
    under = last.join_asof(spans.sort("begins"), left_on="at", right_on="begins", by=machine, check_sortedness=False)
    covered = (pl.col("begins") <= pl.col("started_at")) & (pl.col("ends") >= pl.col("ended_at"))
    touched = pl.col("ends") > pl.col("started_at")
    wrong = pl.when(pl.col("state") == FAULTED).then(~covered.fill_null(False)).otherwise(touched.fill_null(False))
    return sorted(under.filter(wrong)["date"].unique())


def _merged(episodes: pl.DataFrame) -> pl.DataFrame:
    """Episodes of each machine as spans that do not overlap; one that stands ends in the far future."""
    machine = ["site", "equipment_id"]
    ends = pl.col("cleared_at").fill_null(pl.lit(_NEVER))
    spans = episodes.select(*machine, begins="raised_at", ends=ends).filter(pl.col("begins") < pl.col("ends"))
    ordered = spans.sort(*machine, "begins")
    until = pl.col("ends").cum_max().shift(1).over(machine)
    new = (pl.col("begins") > until).fill_null(True)
    return (
        ordered.with_columns(span=new.cast(pl.Int64).cum_sum().over(machine))
        .group_by([*machine, "span"], maintain_order=True)
        .agg(pl.col("begins").first(), pl.col("ends").max())
    )


def _speaking(samples: pl.DataFrame, catalogue: pl.DataFrame) -> pl.DataFrame:
    """Samples that tell of their machine's state, with `runs`."""
    machine = ["site", "equipment_id"]
    telling = catalogue.filter(pl.col("role") == "running").select(machine).unique()
    told = samples.filter(pl.col("role") == "running").with_columns(runs=pl.col("value") >= RUNS_FROM)
    own = samples.join(telling, on=machine, how="anti").filter(~pl.col("signal").str.contains(":", literal=True))
    return pl.concat([told, own.with_columns(runs=pl.lit(True))])


def _midnight(after: int = 0) -> pl.Expr:
    return (pl.col("day") + pl.duration(days=after)).cast(pl.Datetime("us", "UTC"))


def _clipped(spans: pl.DataFrame, begins: str, ends: str) -> pl.DataFrame:
    """The part of each span within its day."""
    return spans.select(
        *_MACHINE_DAY,
        "runs",
        begins=pl.max_horizontal(begins, _midnight()),
        ends=pl.min_horizontal(ends, _midnight(1)),
    ).filter(pl.col("begins") < pl.col("ends"))


def _joined(spans: pl.DataFrame) -> pl.DataFrame:
    """Spans that begin where the one before ended and tell the same, as one with it: most samples change nothing."""
    alike = [pl.col(name) == pl.col(name).shift(1) for name in (*_MACHINE_DAY, "runs")]
    goes_on = pl.all_horizontal(*alike, pl.col("begins") == pl.col("ends").shift(1)).fill_null(value=False)
    return (
        spans.with_columns(span=(~goes_on).cum_sum())
        .group_by("span", maintain_order=True)
        .agg(pl.col(*_MACHINE_DAY, "runs", "begins").first(), pl.col("ends").last())
        .drop("span")
    )


def _changes(spans: pl.DataFrame, what: str) -> pl.DataFrame:
    """A row where a span begins and one where it ends, as steps up and down."""
    up = pl.lit(1, dtype=pl.Int64)
    steps = spans.with_columns(
        heard=up if what == "heard" else 0 * up,
        runs=pl.col("runs").cast(pl.Int64) if what == "heard" else 0 * up,
        faults=up if what == "faults" else 0 * up,
    )
    rises = steps.select(*_MACHINE_DAY, *_CHANGES, at="begins")
    falls = steps.select(*_MACHINE_DAY, *(-pl.col(name) for name in _CHANGES), at="ends")
    return pl.concat([rises, falls])


def _intervals(changes: pl.DataFrame) -> pl.DataFrame:
    """From steps to the longest intervals in one state; time in which a machine was not heard is in none."""
    summed = changes.group_by([*_MACHINE_DAY, "at"]).agg(pl.col(_CHANGES).sum()).sort(*_MACHINE_DAY, "at")
    now = summed.with_columns(pl.col(_CHANGES).cum_sum().over(_MACHINE_DAY)).with_columns(
        next=pl.col("at").shift(-1).over(_MACHINE_DAY),
        state=pl.when(pl.col("heard") > 0).then(
            pl.when(pl.col("faults") > 0)
            .then(pl.lit(FAULTED))
            .when(pl.col("runs") > 0)
            .then(pl.lit(RUNNING))
            .otherwise(pl.lit(STOPPED))
        ),
    )
    merged = (
        now.filter(pl.col("next").is_not_null())
        .with_columns(turn=pl.col("state").rle_id().over(_MACHINE_DAY))
        .group_by([*_MACHINE_DAY, "turn"], maintain_order=True)
        .agg(state=pl.col("state").first(), started_at=pl.col("at").first(), ended_at=pl.col("next").last())
        .filter(pl.col("state").is_not_null())
    )
    lasted = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6
    return merged.with_columns(duration_s=lasted).drop("turn").rename({"day": "date"})
