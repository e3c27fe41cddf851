"""How sources behave, whatever their values: counters, senders, repeats, days without a value. Pure: frames in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from core.contracts.lanes import BRIDGE_OF
from quality.expected import Severity
from quality.outcome import Outcome, finding
from quality.reference import OF_A_DAY, SIGNAL, is_good

REPEATED_SHARE = 0.1
"""Share of a machine's rows that may be superseded by a later copy before somebody replayed a file."""
RESTARTED = 0.1
"""A counter that falls below this share of what it showed has restarted at zero."""
_SPEAKS = 0.5
"""Share of samples with a value from which on a machine is there, and a signal without any is not."""
_NAMED = 3
_MACHINE = ["site", "equipment_id", "date"]


class Finding(NamedTuple):
    """A sentence about what is wrong, and its day; None if it is about no day in particular.

    `exact` says the same so that nothing else is meant, site and microseconds too: what can be accepted.
    """

    words: str
    day: date | None
    exact: str | None = None


Findings = Mapping[str, Sequence[Finding]]
"""What is wrong by name of check; rows of different machines are looked at apart and told as one."""

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
    fell, by_signal = _falls(kept), _by_signal(kept)
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


def outcomes(
    checks: Sequence[tuple[str, Severity, str]], remedies: Mapping[str, str], found: Findings
) -> list[Outcome]:
    """Outcomes of some checks in their order; what was found on days that are known blames these."""
    return [
        Outcome(
            name,
            not found.get(name),
            severity,
            listed(found.get(name, ())),
            right,
            remedies[name],
            _days(found, name),
            _exact(found.get(name, ())),
        )
        for name, severity, right in checks
    ]


def _days(found: Findings, name: str) -> frozenset[date]:
    days = {one.day for one in found.get(name, ())}
    return frozenset() if None in days else frozenset(day for day in days if day is not None)


def _exact(found: Sequence[Finding]) -> tuple[str, ...]:
    """Each finding for itself; none unless all of them can be told."""
    told = tuple(finding(one.day, one.exact) for one in found if one.day is not None and one.exact is not None)
    return told if len(told) == len(found) else ()


def told(found: pl.DataFrame) -> list[Finding]:
    """What is wrong from columns `words` and `date`, and `exact` if there is one."""
    names = [name for name in ("words", "date", "exact") if name in found.columns]
    return [Finding(*row) for row in found.select(names).iter_rows()]


def listed(found: Sequence[Finding]) -> str:
    """The first few, and how many more there are."""
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(one.words for one in found[:_NAMED]) + more if found else "nothing of the kind"


def _falls(kept: pl.DataFrame) -> pl.DataFrame:
    counters = kept.filter(pl.col("role").is_in(["count", "good"]), is_good(), pl.col("value").is_not_null())
    last = pl.col("value").shift(1).over(SIGNAL)
    when = pl.col("ts").dt.strftime("%Y-%m-%d %H:%M")
    words = pl.format("{} {} fell from {} to {} at {}", "equipment_id", "signal", "last", "value", when)
    return (
        counters.sort(*SIGNAL, "ts")
        .with_columns(last=last)
        .filter(pl.col("value") < pl.col("last"))
        .select(
            "date",
            words=words,
            exact=pl.format(
                "{}: {} {} fell from {} to {} at {}", *SIGNAL, "last", "value", pl.col("ts").dt.to_string()
            ),
            restarted=pl.col("value") <= pl.col("last") * RESTARTED,
        )
    )


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
    words = pl.format("{} is read by {} and {} on {}", "equipment_id", "bridge", "bridge_other", "date")
    return told(both.sort(_MACHINE).select("date", words=words, exact=pl.format("{}: {}", "site", words)))


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
    words = pl.format("{} {} has {} samples on {} and no value", "equipment_id", "signal", "rows", "date")
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
    words = pl.format("{} has {} samples on {} and not one value", "equipment_id", "rows", "date")
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
    words = pl.format("{} of {} rows of {} on {} came again", "again", "rows", "equipment_id", "date")
    return told(many.select("date", words=words))
