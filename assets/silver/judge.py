"""Judging bronze: which row is kept, which is superseded, which is rejected and why. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from quality.counters import COUNTS
from quality.sentences import sentence
from quality.suspects import ORIGIN, suspects

# OPC UA Part 4, section 7.39: the two highest bits of a status code are its severity, zero means Good.
_SEVERITY = 0xC000_0000
_LARGEST = 1e30
"""Beyond any quantity of a plant in any unit; a register that was never set often shows the largest of its type."""
_COUNTED = 2.0**53
"""From here on a 64-bit float skips whole numbers."""
_RECEIVED_LAST = ["received_at", "lane", "seq", "row_no"]
_EVENT_STATES = ["raised", "cleared", "acknowledged"]
_ORIGIN = ["lane", "seq", "row_no", "received_at"]
_SIGNAL = ["site", "equipment_id", "signal"]
_ONLY_TO_JUDGE = ["place", "is_count", "scale", "offset", "numeric", "why", "foreign", "wrong"]
READING_KEY = [*_SIGNAL, "ts"]
_QUARANTINED = ["kind", "reason", *READING_KEY, "value", "text", "quality", "unit", *_ORIGIN, "date"]


class Judged(NamedTuple):
    """Bronze split three ways: no row is in two parts, none is missing."""

    kept: pl.DataFrame
    rejected: pl.DataFrame
    superseded: pl.DataFrame


def is_good() -> pl.Expr:
    """True where the status code in `quality` says Good."""
    return (pl.col("quality") & _SEVERITY) == 0


def judge_readings(bronze: pl.DataFrame, catalogue: pl.DataFrame, taken: pl.DataFrame | None = None) -> Judged:
    """Split bronze readings; kept ones are unique in (site, equipment, signal, ts), and sorted by it.

    Args:
        bronze: rows of `bronze.readings`, whole days.
        catalogue: see `assets.catalogue.catalogue`.
        taken: see `assets.units.taken`; unless it is empty, `bronze` has `contract_version`.

    Returns:
        Rows with `equipment_type`, `unit`, `role` and `value` in `unit`; rejected ones with `reason` as well.
        Of several samples with one key the one received last is kept.
    """
    # What is known of a signal is worked out once a signal; rows find it by its place.
    signals = _signals(bronze, catalogue)
    rows = bronze.join(signals.select(*_SIGNAL, "place"), on=_SIGNAL).sort("place", "ts")
    told = signals.drop(*_SIGNAL, "place")[rows["place"]]
    described = pl.concat([rows, told], how="horizontal")
    if taken is None or taken.is_empty():
        described = described.with_columns(foreign=pl.lit(value=False))
    else:
        described = _as_taken(described, taken)
    known = described.with_columns(
        value=pl.when("is_count").then("value").otherwise(pl.col("value") * pl.col("scale") + pl.col("offset"))
    )
    wrong = pl.any_horizontal(condition.fill_null(value=False) for condition, _ in _reading_reasons())
    judged = known.with_columns(wrong=wrong)
    rejected = judged.filter("wrong").with_columns(reason=_in_words(_reading_reasons()))
    accepted = judged.filter(~pl.col("wrong")).with_columns(reason=pl.lit(None, pl.String))
    kept, superseded = _received_last(accepted, ["place", "ts"])
    return Judged(*(part.drop(_ONLY_TO_JUDGE) for part in (kept, rejected, superseded)))


def _as_taken(rows: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Rows with the conversion from the unit they were taken in, by the contract that they were sent under."""
    base = pl.when(~pl.col("is_count")).then(pl.col("signal").str.extract("^([^:]+)"))
    then, converts = pl.col("taken_in").is_not_null(), pl.col("to_scale").is_not_null()
    return (
        rows.with_columns(base=base)
        .join(taken, on=["site", "equipment_id", "base", "contract_version"], how="left", maintain_order="left")
        .with_columns(
            foreign=then & ~converts,
            unit=pl.when(then & ~converts).then("taken_in").otherwise("unit"),
            scale=pl.when(then).then(pl.coalesce("to_scale", 1.0)).otherwise("scale"),
            offset=pl.when(then).then(pl.coalesce("to_offset", 0.0)).otherwise("offset"),
        )
        .drop("base", "taken_in", "to_scale", "to_offset", "contract_version")
    )


def _signals(bronze: pl.DataFrame, catalogue: pl.DataFrame) -> pl.DataFrame:
    """Each signal of some rows with what the catalogue says of it, and its `place` among them."""
    limits = ("minimum", "maximum", "floor", "ceiling")
    found = bronze.select(_SIGNAL).unique().sort(_SIGNAL).with_row_index("place")
    parts = pl.col("signal").str.split(":").list
    return (
        found.with_columns(base=parts.first(), is_count=parts.get(1, null_on_oob=True).fill_null("") == "count")
        .join(catalogue, on=["site", "equipment_id", "base"], how="left", maintain_order="left")
        .with_columns(
            unit=pl.when("is_count").then(pl.lit("1")).otherwise("unit"),
            **{limit: pl.when(~pl.col("is_count")).then(limit) for limit in limits},
            role=pl.when(pl.col("signal") == pl.col("role_signal")).then("role"),
        )
        .drop("base", "role_signal", "deadband")
    )


def doubt(judged: Judged, reference: pl.DataFrame, first: pl.DataFrame) -> tuple[Judged, pl.DataFrame]:
    """Reject kept readings that are well formed and yet wrong; arguments: see `quality.suspects.suspects`.

    Returns:
        The rows split anew, and origin and reason of those that were moved.
    """
    beyond = pl.col("reason").str.contains("^(below|above) the contract|^not possible")
    limited = judged.rejected.filter(beyond).select(judged.kept.columns)
    found = suspects(pl.concat([judged.kept, limited]), reference, first)
    if found.is_empty():
        return judged, found
    doubted = judged.kept.drop("reason").join(found, on=ORIGIN)
    if doubted.is_empty():
        return judged, found.clear()
    kept = judged.kept.join(found, on=ORIGIN, how="anti")
    rejected = pl.concat([judged.rejected, doubted.select(judged.rejected.columns)])
    return Judged(kept, rejected, judged.superseded), doubted.select(found.columns)


def judge_events(bronze: pl.DataFrame, catalogue: pl.DataFrame) -> Judged:
    """Split bronze events; kept ones are unique in `event_id`, the one received last wins."""
    machines = catalogue.select("site", "equipment_id", "equipment_type").unique()
    known = bronze.join(machines, on=["site", "equipment_id"], how="left")
    return _split(known.with_columns(reason=_event_reason()), ["event_id"])


def mark_late(rows: pl.DataFrame, before: pl.DataFrame, built: Collection[date] = ()) -> pl.DataFrame:
    """Add `late`: the row arrived after its day had been built.

    Args:
        rows: rows with the key of a reading, `received_at` and `date`.
        before: `silver.readings` and its quarantine as they stand, same days and columns, with `late`.
        built: days that were built and may hold no row since; those of `before` were in any case.
    """
    on_time = [*READING_KEY, "received_at"]
    if before.is_empty():
        return rows.with_columns(late=pl.col("date").is_in(list(built)))
    known = before.filter(~pl.col("late")).select(on_time).unique().with_columns(was_on_time=True)
    days = {*before["date"].unique(), *built}
    return (
        rows.join(known, on=on_time, how="left")
        .with_columns(late=pl.col("date").is_in(days) & ~pl.col("was_on_time").fill_null(False))
        .drop("was_on_time")
    )


def _reading_reasons() -> list[tuple[pl.Expr, pl.Expr]]:
    """What is wrong with a reading, and in words; the first that holds counts."""
    limit = "{} the contract's {} of {} {}"
    value, tolerance = pl.col("value"), pl.col("tolerance")
    return [
        (pl.col("equipment_type").is_null(), pl.lit("the site has no such signal")),
        (
            pl.col("foreign"),
            sentence("taken in {} under an earlier contract, when the signal measured something else", "unit"),
        ),
        (
            is_good() & value.is_null() & pl.col("text").is_null(),
            pl.lit("quality is good but there is no value"),
        ),
        (
            is_good() & pl.col("text").is_not_null() & pl.col("numeric"),
            pl.lit("a text where the contract promises a number"),
        ),
        (is_good() & ~value.is_finite(), pl.lit("quality is good but the value is no number")),
        (
            is_good() & (value.abs() > _LARGEST),
            pl.lit("not possible: nothing in a plant is that large, and sums of it are no numbers"),
        ),
        (
            is_good() & COUNTS & (value > _COUNTED),
            pl.lit("not possible: a counter is never so large that one more makes no difference"),
        ),
        (
            is_good() & (value < pl.col("minimum") - tolerance),
            sentence(limit, pl.lit("below"), pl.lit("minimum"), "minimum", "unit"),
        ),
        (
            is_good() & (value > pl.col("maximum") + tolerance),
            sentence(limit, pl.lit("above"), pl.lit("maximum"), "maximum", "unit"),
        ),
        (
            is_good() & ((value < pl.col("floor")) | (value > pl.col("ceiling"))),
            sentence("not possible: {}", "why"),
        ),
    ]


def _in_words(reasons: Sequence[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    return pl.coalesce(pl.when(condition).then(words) for condition, words in reasons)


def _event_reason() -> pl.Expr:
    return (
        pl.when(pl.col("equipment_type").is_null())
        .then(pl.lit("the site has no such machine"))
        .when(~pl.col("state").is_in(_EVENT_STATES))
        .then(pl.lit("state is not raised, cleared or acknowledged"))
        .when(~pl.col("severity").is_between(0, 100))
        .then(pl.lit("severity is not between 0 and 100"))
    )


def _split(rows: pl.DataFrame, key: list[str]) -> Judged:
    kept, superseded = _received_last(rows.filter(pl.col("reason").is_null()).sort(key), key)
    return Judged(kept=kept, rejected=rows.filter(pl.col("reason").is_not_null()), superseded=superseded)


def _received_last(rows: pl.DataFrame, key: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of rows with one key the one received last, and the others; `rows` are sorted by the key, and stay so."""
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key).fill_null(value=False)
    twice = rows.select(twice=again | again.shift(-1, fill_value=False))["twice"]
    if not twice.any():
        return rows, rows.clear()
    several = rows.select(*key, *_RECEIVED_LAST).with_row_index("row").filter(twice).sort(*key, *_RECEIVED_LAST)
    older = several.filter(again.shift(-1, fill_value=False))["row"]
    stands = pl.repeat(True, rows.height, eager=True, dtype=pl.Boolean).scatter(older, False)
    return rows.filter(stands), rows.filter(~stands)


def quarantined_readings(readings: Judged) -> pl.DataFrame:
    """Rejected readings as rows of `silver.quarantine` but for `late`."""
    return readings.rejected.with_columns(kind=pl.lit("reading")).select(_QUARANTINED)


def quarantined_events(events: Judged) -> pl.DataFrame:
    """Rejected events likewise: the fault code stands for a signal, the state for a text."""
    return events.rejected.with_columns(
        kind=pl.lit("event"),
        signal=pl.col("fault_code"),
        value=pl.col("severity").cast(pl.Float64),
        text=pl.col("state"),
        quality=pl.lit(None, dtype=pl.Int64),
        unit=pl.lit(None, dtype=pl.String),
    ).select(_QUARANTINED)


def beyond_contract() -> pl.Expr:
    """How far a good value lies outside the contract's limits; 0 inside, within tolerance, and without a limit."""
    return _beyond(pl.col("minimum") - pl.col("tolerance"), pl.col("maximum") + pl.col("tolerance"))


def beyond_physics() -> pl.Expr:
    """How far a good value lies outside of what is possible; 0 inside, and where nothing is known."""
    return _beyond(pl.col("floor"), pl.col("ceiling"))


def _beyond(low: pl.Expr, high: pl.Expr) -> pl.Expr:
    below, above = (distance.fill_null(0.0) for distance in (low - pl.col("value"), pl.col("value") - high))
    return pl.when(is_good()).then(pl.max_horizontal(below, above, pl.lit(0.0))).otherwise(0.0)
