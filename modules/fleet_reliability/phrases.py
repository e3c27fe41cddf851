"""Ranking, key figures and comparison in plain sentences, the answer first. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from core.sdk.words import (
    counted,
    listing,
    moment,
    number,
    period,
    plain,
    quantity,
    readable,
    rough,
    sentence,
    whole,
    with_unit,
)

Row = dict[str, Any]
_LISTED = 20
_NAMED = 10
_FAR = 10
"""Spreads from which a deviation is far: how far exactly says nothing any more."""
_KPIS = {
    "mtbf": "mean time between failures",
    "mttr": "mean time to repair",
    "oee": "overall equipment effectiveness",
    "fault_count": "number of faults",
}
_TOTALS = ("fault_count", "throughput")
_RUNNING = ("operating_time", "mtbf", "mttr")
SCALE = "(zero is its baseline, one the farthest)"
"""How an anomaly score reads; said once an answer."""


def ranking(
    rows: Sequence[Row], asked: Sequence[str] | None, limit: str, order: str, faults: Sequence[Row]
) -> list[str]:
    """Which machines, then one sentence each, in the order of the ranking."""
    if not rows:
        return [_no_ranking(asked, limit)]
    lone = len(rows) == 1
    lines: list[str] = []
    for row in rows:
        own = [fault for fault in faults if fault["equipment_id"] == row["equipment_id"]]
        lines += _machine(row, own, named=asked is not None, lone=lone, exact=bool(limit))
    return [*_head(rows, asked, limit, order), *lines]


def _head(rows: Sequence[Row], asked: Sequence[str] | None, limit: str, order: str) -> list[str]:
    lives = [row for row in rows if "life_median" in row]
    if limit and lives:
        first = f", {'longest' if order == 'best' else 'shortest'} first:"
        count = counted(lives[0]["machines"], "machine")
        return [f"{count} with {limit} {lives[0]['unit']} left{first}"]
    if asked or len(rows) == 1:
        return []
    if len(rows) > _NAMED:
        return [f"{'Best' if order == 'best' else 'Most urgent'} first, {len(rows)} machines:"]
    names = listing([row["equipment_id"] for row in rows])
    return [f"In the best state: {names}." if order == "best" else f"Look first at {names}."]


def _machine(row: Row, faults: Sequence[Row], *, named: bool, lone: bool, exact: bool) -> list[str]:
    if "life_median" in row:
        return [remaining(row, lone=lone, exact=exact), *(_standing(row["equipment_id"], faults) if named else [])]
    if not named:
        return [f"{row['equipment_id']} has {_score(row)}."]
    no_life = f"{row['equipment_id']} has no estimate of its remaining life"
    if faults:
        return [f"{no_life}.", *_standing(row["equipment_id"], faults), f"It has {_score(row)}."]
    return [f"{no_life} and no open fault.", f"It has {_score(row)}."]


def limit(below: float | None, above: float | None) -> str:
    """`less than 20`, `more than 100`; nothing without a limit."""
    sides = (("more than", above), ("less than", below))
    return listing([f"{side} {number(value)}" for side, value in sides if value is not None])


def _no_ranking(asked: Sequence[str] | None, limit: str) -> str:
    if limit:
        return f"No machine is estimated to have {limit} left."
    what = "There is neither a remaining life nor a health score of"
    return f"{what} {listing(list(asked))}." if asked else f"{what} any machine yet."


def _standing(equipment: str, faults: Sequence[Row]) -> list[str]:
    if not faults:
        return [f"No fault is open on {equipment}."]
    return [
        f"{row['fault_code']} ({row['level']}) is open on {equipment} since {moment(row['raised_at'])} UTC"
        + (f": {row['message'].rstrip('.')}." if row["message"] else ".")
        for row in faults
    ]


def remaining(row: Row, *, lone: bool, exact: bool = False) -> str:
    """How long a machine has got and what says so.

    Args:
        row: the estimate.
        lone: it is the only one, so everything that says so is told.
        exact: to a tenth: it is held against a limit, on whose other side the whole number may lie.
    """
    unit, left = row["unit"], row["life_median"]
    median = f"{left:.1f}" if exact else whole(left)
    said = (
        f"{row['equipment_id']} has about {with_unit(median, unit)} left "
        f"({row['interval_percent']} % interval {whole(row['life_low'])} to {whole(row['life_high'])}), "
        f"as of {moment(row['as_of'])} UTC at an age of {with_unit(whole(row['age']), unit)}"
    )
    drivers = plain(row["drivers"] or "").split("; ")
    said_drivers = "; ".join(drivers if lone else drivers[:1])
    return f"{said}; {said_drivers}." if said_drivers else f"{said}."


def _score(row: Row) -> str:
    said = f"an anomaly score of {rough(row['anomaly_score'])} {SCALE} on {row['date']}"
    if row["top_signal"] is None or row["top_deviation"] is None:
        return said
    return f"{said}, furthest off: {readable(row['top_signal'])}, {distance(row['top_deviation'])} its baseline"


def distance(deviation: float) -> str:
    """`5.14 spreads below`; beyond ten spreads `far below (47 spreads)`."""
    side, size = "above" if deviation > 0 else "below", abs(deviation)
    return f"far {side} ({rough(size)} spreads)" if size >= _FAR else f"{rough(size)} spreads {side}"


def kpis(rows: Sequence[Row], totals: Sequence[Row], first: date | None, last: date | None) -> list[str]:
    """What adds up over all machines, then one sentence a machine and key figure; who has none is not listed then."""
    added = {row["kpi"] for row in totals}
    listed = [row for row in rows if row["kpi"] not in added or row["value"]]
    return [*(_total(row, first, last) for row in totals), *(_kpi(row, first, last) for row in listed[:_LISTED])]


def _total(row: Row, first: date | None, last: date | None) -> str:
    on = f"{row['machines_with_any'] or 'none'} of {counted(row['machines'], 'machine')}"
    return (
        f"{sentence(kpi_name(row['kpi']))} {period(first, last)}: {quantity(row['total'], row['unit'])} in total, "
        f"on {on}."
    )


def kpi_name(kpi: str) -> str:
    """A key figure in words."""
    return _KPIS.get(kpi, readable(kpi))


def _kpi(row: Row, first: date | None, last: date | None) -> str:
    kpi, unit = row["kpi"], row["unit"]
    named = f"{sentence(kpi_name(kpi))} of {row['equipment_id']}"
    value = quantity(row["value"], unit)
    if kpi in _RUNNING:
        of = " of running time" if kpi == "mtbf" else ""
        return f"{named}: {value}{of}, over everything recorded until {row['last_day']}."
    if row["days"] == 1:
        return f"{named} on {row['first_day']}: {value}."
    total = "in total" if kpi in _TOTALS else "as the mean of its days"
    low = f"lowest {quantity(row['lowest'], unit)} on {row['lowest_day']}"
    high = f"highest {quantity(row['highest'], unit)} on {row['highest_day']}"
    ends = high if kpi in _TOTALS else f"{low}, {high}"
    over = f"{period(first, last)} ({row['days']} days with data)"
    return f"{named} {over}: {value} {total}" + (
        f"; by day {ends}." if row["lowest"] != row["highest"] != row["value"] else "."
    )


def no_kpi(
    kpi: str | None, first: date | None, last: date | None, equipment: Sequence[str] | None, known: Sequence[Row]
) -> str:
    """None found, and what there is."""
    of = f" of {listing(list(equipment))}" if equipment else ""
    said = f"There is no {kpi_name(kpi) if kpi else 'key figure'}{of} {period(first, last)}."
    has = [f"{kpi_name(row['kpi'])} from {row['first_day']} to {row['last_day']}" for row in known]
    return said + (f" There is {listing(has)}." if has else " No key figures were computed yet.")


def nothing_to_compare(first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """Neither health nor faults in the period, and which days have data."""
    said = f"There is nothing to compare {period(first, last)}."
    return said + (f" The data runs from {known[0]['first_day']} to {known[0]['last_day']}." if known else "")


def comparison(rows: Sequence[Row], totals: Sequence[Row], first: date | None, last: date | None) -> list[str]:
    """All of them together, which is the strangest, then one sentence a machine."""
    when = period(first, last)
    scored = [row for row in rows if "mean_anomaly_score" in row]
    if len(rows) == 1 or not scored:
        return [f"{row['equipment_id']} {when}: {_compared(row)}." for row in rows]
    all_of_them = [
        f"{counted(row['machines'], 'machine')} {when} ({counted(row['days'], 'day')} with data): "
        f"mean anomaly score {number(row['mean_anomaly_score'])}, {counted(row['episodes'], 'fault episode')} raised."
        for row in totals
    ]
    head = f"{scored[0]['equipment_id']} was the furthest from its own baseline {when}."
    return [*all_of_them, head, *(f"{row['equipment_id']}: {_compared(row)}." for row in rows)]


def _compared(row: Mapping[str, Any]) -> str:
    clauses: list[str] = []
    if "mean_anomaly_score" in row:
        by = f" by {readable(row['worst_signal'])}" if row["worst_signal"] else ""
        clauses.append(
            f"mean anomaly score {number(row['mean_anomaly_score'])} over {counted(row['days'], 'day')} with data, "
            f"highest {rough(row['worst_anomaly_score'])} on {row['worst_day']}{by}"
        )
    if "episodes" in row:
        hours = f", standing {number(row['fault_hours'])} h in all" if row["fault_hours"] is not None else ""
        clauses.append(f"{counted(row['episodes'], 'fault episode')} raised{hours}")
    else:
        clauses.append("no fault raised")
    return "; ".join(clauses)
