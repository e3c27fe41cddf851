"""The ledger in plain sentences, the answer first. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk.words import counted, moment, number, period, readable, span

Row = dict[str, Any]
_TOLD = 8
_LATE = "link_down"
_REASONS = {
    "bridge_down": "the bridge was down",
    "device_lost": "the device did not answer",
    "missed_scan": "a scan was missed",
    "outbox_full": "the outbox was full",
    "clock_set_back": "it was away and came back with its clock set back",
}


def books(total: Row, lines: Sequence[Row], equipment: str | None, signal: str | None) -> list[str]:
    """Whether anything was lost, the counts, what is short of what, and whether the books balance."""
    of = _of(equipment, signal)
    between = span(total["first_hour"], total["last_hour"])
    counts = (
        f"Books{of} for the hours from {between}: {total['read']} readings read on site, {total['withheld']} withheld "
        f"by the contract; {total['sent']} rows sent, {total['bronze']} in the lake, {total['silver']} of them in use, "
        f"{total['quarantined']} in quarantine, {total['superseded']} replaced by later ones."
    )
    return [*_verdict(total, of), counts, *_short(lines), _balance(total)]


def _verdict(total: Row, of: str) -> list[str]:
    lost, under_way, doubled = total["lost"], total["in_flight"], total["duplicated"]
    if not lost and not under_way and not doubled:
        return [f"Nothing{of} was lost and nothing doubled between bridge and lake: all that was sent has arrived."]
    said: list[str] = []
    share = f", {number(total['arrived_percent'])} % have" if total["arrived_percent"] is not None else ""
    if lost:
        said.append(
            f"{lost} of {total['sent']} rows{of} that were sent are lost{share} arrived: the lake has what the bridge "
            "sent after them, and not them."
        )
    if under_way:
        said.append(
            f"{under_way} of {total['sent']} rows{of} that were sent have not arrived yet{share}: they are on their "
            "way."
        )
    if doubled:
        said.append(f"{doubled} rows{of} are in the lake beyond what was sent.")
    return said


def _short(lines: Sequence[Row]) -> list[str]:
    odd = [row for row in lines if row["lost"] or row["in_flight"] or row["duplicated"]]
    return [
        f"{row['equipment_id']} of {row['site']}{_signal(row)}: {row['sent']} sent, {row['bronze']} in the lake, "
        f"{row['lost']} lost, {row['in_flight']} on their way, {row['duplicated']} doubled."
        for row in odd[:_TOLD]
    ]


def _signal(row: Row) -> str:
    return f", {readable(row['signal'])}" if "signal" in row else ""


def _balance(total: Row) -> str:
    if total["broken_lines"]:
        return f"The books do not balance on {total['broken_lines']} of {counted(total['lines'], 'line')}."
    return f"The books balance on {'all ' if total['lines'] > 1 else ''}{counted(total['lines'], 'line')}."


def gaps(reasons: Sequence[Row], single: Sequence[Row], equipment: str | None) -> list[str]:
    """Why time went unread, machine by machine, then the longest gaps one by one."""
    if not reasons:
        return [f"No gap{_of(equipment, None)}: there is no source time that nobody read."]
    said = [_reason(row) for row in reasons[:_TOLD]]
    unread = [row for row in single if row["reason"] != _LATE]
    if not unread:
        said.insert(0, f"No gap{_of(equipment, None)}: there is no source time that nobody read.")
    elif len(single) > len(reasons):
        listed = [f"{row['equipment_id']} {span(row['since'], row['until'])}" for row in unread[:_TOLD]]
        said.append(f"The longest: {'; '.join(listed)}.")
    return said


def _reason(row: Row) -> str:
    if row["reason"] == _LATE:
        return (
            f"The link of {row['site']} was down from {span(row['first_since'], row['last_until'])}, "
            f"{number(row['hours'])} h in all until everything had arrived: it came late, nothing of it is missing."
        )
    why = _REASONS.get(row["reason"], row["reason"].replace("_", " "))
    when = span(row["first_since"], row["last_until"])
    if row["gaps"] == 1:
        return f"Nobody read {row['equipment_id']} from {when}, {number(row['hours'])} h, because {why}."
    return (
        f"Nobody read {row['equipment_id']} in {row['gaps']} gaps from {when}, {number(row['hours'])} h in all, "
        f"because {why}."
    )


def bad_quality(spells: Sequence[Row]) -> list[str]:
    """When a machine was read and its device did not know."""
    return [
        f"The device gave no good value of {readable(row['signal'])} of {row['equipment_id']} {_spell(row)}, "
        f"{counted(row['readings'], 'reading')}."
        for row in spells[:_TOLD]
    ]


def _spell(row: Row) -> str:
    if row["until"] == row["since"]:
        return f"at {moment(row['since'])} UTC"
    return f"from {span(row['since'], row['until'])}"


def no_books(equipment: str | None, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """Nothing in the window, and which days have books."""
    if not known:
        return f"There are no books{_of(equipment, None)} yet."
    days = f"they run from {known[0]['first_day']} to {known[0]['last_day']}"
    return f"There are no books{_of(equipment, None)} {period(first, last)}; {days}."


def _of(equipment: str | None, signal: str | None) -> str:
    if equipment is None:
        return f" of {readable(signal)}" if signal else ""
    return f" of {readable(signal)} of {equipment}" if signal else f" of {equipment}"
