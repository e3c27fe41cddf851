"""The fleet's rows in plain sentences. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk import Window
from core.sdk.words import counted, listing, moment, number, period, quantity, readable, sentence

Row = dict[str, Any]
_LISTED = 10


def ranking(rows: Sequence[Row], asked: Sequence[str] | None) -> list[str]:
    """One sentence a machine, most urgent first."""
    if not rows:
        return [f"There is neither a remaining life nor a health score of {listing(asked)}." if asked else _NO_RANKING]
    return [_life(row) if "life_median" in row else _health(row, ranked=True) for row in rows]


_NO_RANKING = "There is neither a remaining life nor a health score of any machine yet."


def _life(row: Row) -> str:
    unit = row["unit"]
    said = (
        f"{row['equipment_id']} has about {quantity(row['life_median'], unit)} left "
        f"(90 % interval {number(row['life_low'])} to {quantity(row['life_high'], unit)}), "
        f"as of {moment(row['as_of'])} UTC at an age of {quantity(row['age'], unit)}"
    )
    return said + (f"; driven by {row['drivers']}." if row["drivers"] else ".")


def _health(row: Row, *, ranked: bool = False) -> str:
    score = f"an anomaly score of {number(row['anomaly_score'])} on {row['date']}"
    said = f"{row['equipment_id']} has {'no estimate of its remaining life, but ' if ranked else ''}{score}"
    return said + (f": {row['reason']}." if row["reason"] else ".")


def incident(
    equipment: str,
    first: date | None,
    last: date | None,
    episodes: Sequence[Row],
    deviations: Sequence[Row],
    worst: Sequence[Row],
) -> list[str]:
    """Faults, deviations and the strangest day of one machine."""
    said: list[str] = []
    if episodes:
        said.append(f"{equipment} {period(first, last)}:")
        said += [_episode(row, with_machine=False) for row in episodes[:_LISTED]]
    else:
        said.append(f"No fault was raised on {equipment} {period(first, last)}.")
    if deviations:
        strongest = listing([_deviation(row) for row in deviations[:3]])
        said.append(f"Strongest deviations from its own baseline: {strongest}.")
    if worst:
        row = worst[0]
        reason = f": {row['reason']}" if row["reason"] else ""
        said.append(
            f"Its strangest day was {row['date']} with an anomaly score of {number(row['anomaly_score'])}{reason}."
        )
    return said


def _deviation(row: Row) -> str:
    side = "above" if row["deviation"] > 0 else "below"
    return (
        f"{readable(row['signal'])} on {row['date']}, {number(abs(row['deviation']))} spreads {side} "
        f"(mean {quantity(row['mean'], row['unit'])}, baseline {quantity(row['baseline'], row['unit'])})"
    )


def _episode(row: Row, *, with_machine: bool = True) -> str:
    start = f"{row['equipment_id']}: " if with_machine else ""
    start += f"{row['fault_code']} ({row['level']}) raised {moment(row['raised_at'])} UTC"
    if row["cleared_at"] is None:
        return f"{start}, still open{_said(row)}."
    return f"{start}, cleared {moment(row['cleared_at'])} UTC after {number(row['duration_h'])} h{_said(row)}."


def _said(row: Row) -> str:
    return f": {row['message']}" if row["message"] else ""


def nothing_known(equipment: str, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """No row in the period, and which days have some."""
    said = f"There is no data of {equipment} {period(first, last)}."
    return said + (f" Its data runs from {known[0]['first_day']} to {known[0]['last_day']}." if known else "")


def similar(
    equipment: str | None,
    codes: Sequence[str],
    window: Window,
    reference: Sequence[Row],
    earlier: Sequence[Row],
    alike: Sequence[Row],
) -> list[str]:
    """Same fault before, then alike in meaning."""
    said: list[str] = []
    if equipment is not None and not reference:
        what = f"No {listing(codes)} fault" if codes else "No fault"
        said.append(f"{what} is recorded on {equipment} {period(window.first, window.last)}.")
    start = moment(min(row["raised_at"] for row in reference)) if reference else None
    if earlier:
        when = f" before {start} UTC" if start else ""
        said.append(f"Yes, {listing(codes)} was raised{when}:")
        said += [_episode(row) for row in earlier[-_LISTED:]]
    elif codes:
        when = f" before {start} UTC" if start else " at all"
        said.append(f"No, {listing(codes)} was never raised{when}.")
    if alike:
        said.append("Alike in description:")
        said += [_episode(row) if "raised_at" in row else _health(row) for row in alike[:5]]
    elif not said:
        said.append("Nothing alike is recorded.")
    return said


def kpis(rows: Sequence[Row], first: date | None, last: date | None) -> list[str]:
    """One sentence a machine and key figure."""
    said: list[str] = []
    for row in rows[: 2 * _LISTED]:
        unit = row["unit"]
        total = "total" if row["kpi"] in ("fault_count", "throughput") else "mean"
        said.append(
            f"{sentence(readable(row['kpi']))} of {row['equipment_id']} {period(first, last)}: "
            f"{total} {quantity(row['value'], unit)} over {row['days']} days with data, "
            f"lowest {quantity(row['lowest'], unit)} on {row['lowest_day']}, "
            f"highest {quantity(row['highest'], unit)} on {row['highest_day']}."
        )
    return said


def no_kpi(kpi: str | None, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """None found, and what there is."""
    said = f"There is no {readable(kpi) if kpi else 'key figure'} {period(first, last)}."
    has = [f"{readable(row['kpi'])} from {row['first_day']} to {row['last_day']}" for row in known]
    return said + (f" There is {listing(has)}." if has else " No key figures were computed yet.")


def comparison(rows: Sequence[Row], first: date | None, last: date | None) -> list[str]:
    """One sentence a machine."""
    if not rows:
        return [f"There is nothing to compare {period(first, last)}."]
    said = [f"Compared {period(first, last)}, the strangest first:"]
    for row in rows:
        clauses: list[str] = []
        if "mean_anomaly_score" in row:
            clauses.append(
                f"mean anomaly score {number(row['mean_anomaly_score'])}, worst {number(row['worst_anomaly_score'])}"
                f" on {row['worst_day']}" + (f" by {readable(row['worst_signal'])}" if row["worst_signal"] else "")
            )
        if "episodes" in row:
            hours = f" over {number(row['fault_hours'])} h" if row["fault_hours"] is not None else ""
            clauses.append(f"{counted(row['episodes'], 'fault episode')}{hours}")
        else:
            clauses.append("no fault episode")
        said.append(f"{row['equipment_id']}: {listing(clauses)}.")
    return said
