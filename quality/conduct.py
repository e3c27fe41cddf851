"""How sources behave, whatever their values: counters, senders, repeats, days without a value. Pure: frames in."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from core.contracts.lanes import BRIDGE_OF
from quality.counters import COUNTS, falls
from quality.expected import Severity
from quality.findings import Finding, Findings, outcomes, told
from quality.outcome import Outcome
from quality.reference import OF_A_DAY, SIGNAL, is_good
from quality.sentences import sentence

REPEATED_SHARE = 0.1
"""Share of a machine's rows that may be superseded by a later copy before somebody replayed a file."""
_SPEAKS = 0.5
"""Share of samples with a value from which on a machine is there, and a signal without any is not."""
_MACHINE = ["site", "equipment_id", "date"]


CONDUCT: tuple[tuple[str, Severity, str], ...] = (
    ("counters_only_rise", Severity.ERROR, "a counter rises, or restarts near zero"),
    ("counters_do_not_restart", Severity.WARN, "no counter restarted"),
    ("one_bridge_a_machine", Severity.ERROR, "a machine is read by one bridge at a time"),
    ("signals_have_values", Severity.WARN, "no signal lacks values all day while its machine has some"),
    ("machines_have_values", Severity.WARN, "no machine is read all day without a single value"),
    ("rows_come_once", Severity.WARN, f"at most {REPEATED_SHARE:.0%} of a machine's rows come again"),
    ("readings_are_believed", Severity.WARN, "no reading looks wrong although it is well formed"),
)
"""Checks of this file on `silver.readings`: name, severity, what would be right."""
_REMEDY = {
    "counters_only_rise": (
        "look at the counter on site: was it set or exchanged? What it gained in that moment nobody knows, and it "
        "counts for nothing; if the rest is right, let the day through with `platform lake accept`"
    ),
    "counters_do_not_restart": "nothing to do if the machine was restarted: the count goes on from zero",
    "one_bridge_a_machine": "stop one of the bridges or take the machine out of its site file, then rebuild the days",
    "signals_have_values": "look at the sensor and its wiring: the device says itself that it does not know",
    "machines_have_values": "look at the machine's power and connection; ops.gaps has the spells, no figure them",
    "rows_come_once": "nothing was doubled; find out who replays the file and stop it",
    "readings_are_believed": "look at silver.quarantine for the reasons, correct the cause, and rebuild the days",
}


def conduct(raw: pl.DataFrame, kept: pl.DataFrame, superseded: pl.DataFrame) -> Findings:
    """What is wrong, by check; nothing is under `readings_are_believed`, see `disbelief`.

    Args:
        raw: rows of `bronze.readings`.
        kept: those that silver keeps.
        superseded: those that a later one replaced.
    """
    counters = kept.filter(COUNTS, is_good(), pl.col("value").is_not_null())
    # Over midnight it is `gold.kpi_daily` that looks, whichever days are built together.
    fell, by_signal = falls(counters, [*SIGNAL, "date"]), _by_signal(kept)
    return {
        "counters_only_rise": told(fell.filter(~pl.col("restarted"))),
        "counters_do_not_restart": told(fell.filter("restarted")),
        "one_bridge_a_machine": _shared(kept, superseded),
        "signals_have_values": _without_values(by_signal),
        "machines_have_values": _without_any(by_signal),
        "rows_come_once": _repeated(raw, superseded),
    }


def disbelief(rows_by_reason: Mapping[str, int]) -> Findings:
    """What of well-formed readings is not believed, with the rows of each reason; see `quality.suspects.suspects`."""
    found = [Finding(f"{rows} rows: {reason}", None) for reason, rows in sorted(rows_by_reason.items())]
    return {"readings_are_believed": found}


def conduct_outcomes(found: Findings) -> list[Outcome]:
    """Outcomes in the order of `CONDUCT`."""
    return outcomes(CONDUCT, _REMEDY, found)


def _shared(*accepted: pl.DataFrame) -> list[Finding]:
    """Machines that two bridges read in overlapping times of one day."""
    first, last = pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last")
    by_lane = pl.concat([rows.group_by(*_MACHINE, "lane").agg(first, last) for rows in accepted])
    spans = (
        by_lane.with_columns(bridge=pl.col("lane").str.extract(BRIDGE_OF))
        .drop_nulls("bridge")
        .group_by(*_MACHINE, "bridge")
        .agg(pl.col("first").min(), pl.col("last").max())
    )
    both = spans.join(spans, on=_MACHINE, suffix="_other").filter(
        pl.col("bridge") < pl.col("bridge_other"),
        pl.col("first") <= pl.col("last_other"),
        pl.col("first_other") <= pl.col("last"),
    )
    words = sentence("{} is read by {} and {} on {}", "equipment_id", "bridge", "bridge_other", "date")
    return told(both.sort(_MACHINE).select("date", words=words, exact=sentence("{}: {}", "site", words)))


def _by_signal(kept: pl.DataFrame) -> pl.DataFrame:
    return kept.group_by(*SIGNAL, "date").agg(rows=pl.len(), values=_has_value().sum())


def _without_values(by_signal: pl.DataFrame) -> list[Finding]:
    """Signals without a value on days on which most samples of their machine had one.

    Of a machine that says of everything that it does not know, see `_without_any`.
    """
    empty = (
        by_signal.with_columns(of_machine=(pl.col("values").sum() / pl.col("rows").sum()).over(_MACHINE))
        .filter(pl.col("rows") >= OF_A_DAY, pl.col("values") == 0, pl.col("of_machine") >= _SPEAKS)
        .sort(*SIGNAL, "date")
    )
    words = sentence("{} {} has {} samples on {} and no value", "equipment_id", "signal", "rows", "date")
    return told(empty.select("date", words=words))


def _without_any(by_signal: pl.DataFrame) -> list[Finding]:
    """Machines without a single value on a day; windows count nothing there and say so as a value."""
    silent = (
        by_signal.filter(~pl.col("signal").str.contains(":", literal=True))
        .group_by(_MACHINE)
        .agg(pl.col("rows", "values").sum())
        .filter(pl.col("rows") >= OF_A_DAY, pl.col("values") == 0)
        .sort(_MACHINE)
    )
    words = sentence("{} has {} samples on {} and not one value", "equipment_id", "rows", "date")
    return told(silent.select("date", words=words))


def _has_value() -> pl.Expr:
    return is_good() & (pl.col("value").is_not_null() | pl.col("text").is_not_null())


def _repeated(raw: pl.DataFrame, superseded: pl.DataFrame) -> list[Finding]:
    if superseded.is_empty():
        return []
    again = superseded.group_by(_MACHINE).agg(again=pl.len())
    many = (
        raw.group_by(_MACHINE)
        .agg(rows=pl.len())
        .join(again, on=_MACHINE)
        .filter(pl.col("again") >= OF_A_DAY, pl.col("again") > pl.col("rows") * REPEATED_SHARE)
        .sort(_MACHINE)
    )
    words = sentence("{} of {} rows of {} on {} came again", "again", "rows", "equipment_id", "date")
    return told(many.select("date", words=words))
