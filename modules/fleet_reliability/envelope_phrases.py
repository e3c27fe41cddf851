"""Machines against their healthy envelopes in sentences, the answer first. Pure; every number is from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk.words import counted, listing, period, plain, quantity, readable, rough, sentence
from modules.fleet_reliability.phrases import distance

Row = dict[str, Any]
_ALL = "all conditions"
_NEW = "that commissioning did not know"


def envelopes(rows: Sequence[Row], signals: Sequence[Row]) -> list[str]:
    """How many ran outside, then a sentence a machine; of a single one also its signals."""
    if len(rows) == 1:
        return [_machine(rows[0]), *_pooled(rows[0]), *map(_signal, signals)]
    count, outside, unseen = (rows[0][name] for name in ("machines", "machines_outside", "machines_unseen"))
    machines = counted(count, "machine")
    if outside:
        head = f"{outside} of {machines} ran outside the healthy envelope, furthest off first:"
    elif unseen:
        head = f"None of {machines} ran outside the healthy envelope; {unseen} ran under conditions {_NEW}:"
    else:
        head = f"All {machines} ran inside their healthy envelopes."
    return [head, *map(_machine, rows)]


def _machine(row: Row) -> str:
    when = period(row["first_day"], row["last_day"])
    score = f"(highest anomaly score {rough(row['worst_score'])}, {rough(row['limit_score'])} is the limit)"
    hours = counted(row["hours"], "hour")
    on = "" if row["first_day"] == row["last_day"] else f" on {row['worst_day']}"
    furthest = f"furthest off{on}: {plain(row['worst_reason']).rstrip('.')}."
    if row["hours_outside"]:
        share = f"{row['hours_outside']} of {hours}"
        return f"{row['equipment_id']} ran outside its healthy envelope {when}, in {share} {score}; {furthest}"
    if row["hours_pooled"]:
        share = f"{row['hours_pooled']} of {hours}"
        return f"{row['equipment_id']} ran under conditions {_NEW} {when}, in {share} {score}; {furthest}"
    return f"{row['equipment_id']} ran inside its healthy envelope {when}, in all of {hours} {score}."


def _pooled(row: Row) -> list[str]:
    if not row["hours_pooled"]:
        return []
    return [
        f"{sentence(counted(row['hours_pooled'], 'hour'))} under a condition {_NEW} count neither as inside nor as "
        "outside: it may be a fault or a load that is new."
    ]


def _signal(row: Row) -> str:
    under = "" if row["settings"] == _ALL else f" at {plain(row['settings'])}"
    return (
        f"{sentence(readable(row['signal']))} averaged {quantity(row['mean'], row['unit'])} on {row['date']}, "
        f"{distance(row['spreads'])} what is usual{under}, and left its own limits in "
        f"{row['hours_outside']} of {counted(row['hours'], 'hour')}."
    )


def nothing_held(equipment: Sequence[str] | None, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """Why there is no answer."""
    of = listing(list(equipment)) if equipment else "any machine"
    if not known or not known[0]["machines"]:
        return f"There is no healthy envelope of {of} yet: it is drawn when commissioning is complete."
    days = f"{known[0]['first_day']} to {known[0]['last_day']}"
    return f"Nothing of {of} was held against a healthy envelope {period(first, last)}; the days that were are {days}."
