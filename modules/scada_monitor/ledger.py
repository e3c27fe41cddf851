"""The ledger: every reading accounted for between bridge and lake, and the source time that nobody read or knew."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from core.sdk import Answer, ToolContext, ToolResult, Window, load_queries
from modules.scada_monitor import ledger_phrases

QUERIES = load_queries(Path(__file__).parent / "ledger.sql")
_LISTED = 50
_BOOKS, _GAPS = "ops.books", "ops.gaps"
_DEFINITIONS = {
    "read": "readings the bridge took from its devices",
    "withheld": "of these, kept on site by the contract",
    "sent": "rows that left the bridge: readings, windows, events of edge rules",
    "bronze": "rows that arrived in the lake",
    "quarantined": "rows that arrived and were set apart with a reason",
    "silver": "rows of bronze that are in use",
    "superseded": "rows of bronze that a later one replaced",
    "lost": "sent and gone: not in the lake, which has later batches of the same lane, and lanes have no holes",
    "in_flight": "sent and not in the lake yet: on the bridge, in the log, or not yet told apart from lost",
    "duplicated": "in the lake more often than sent, or more than once",
    "arrived_percent": "share of what was sent that has arrived",
    "broken_lines": "lines of the books (site, machine, signal, hour) on which they do not balance",
}


async def data_ledger(
    context: ToolContext,
    equipment: str | None,
    signal: str | None,
    site: str | None,
    first: date | None,
    last: date | None,
) -> ToolResult:
    """The books as they were last reconciled, then the gaps: a row for the whole, rows by machine (or by signal of one
    machine), then unread time by reason, gap by gap, and, of one machine, its spells of bad quality."""
    days: dict[str, Any] = {"site": site, "first": first, "last": last}
    scope = {**days, "equipment": equipment, "signal": signal}
    totals = await context.read(QUERIES["totals"], [_BOOKS], scope)
    if not totals.rows:
        return await _no_books(context, equipment, site, Window(first=first, last=last), totals)
    if equipment is None:
        lines = await context.read(QUERIES["by_machine"], [_BOOKS], {**days, "signal": signal, "top": _LISTED})
    else:
        lines = await context.read(QUERIES["by_signal"], [_BOOKS], {**scope, "top": _LISTED})
    where = {**days, "equipment": equipment, "top": _LISTED}
    reasons = await context.read(QUERIES["gap_reasons"], [_GAPS], where)
    gaps = await context.read(QUERIES["gaps"], [_GAPS], where)
    answers = [totals, lines, reasons, gaps]
    bad: Answer | None = None
    if equipment is not None:
        bad = await context.read(QUERIES["bad_quality"], [_GAPS], {**scope, "top": _LISTED})
        answers.append(bad)
    return ToolResult(
        rows=[row for answer in answers for row in answer.rows],
        evidence=[item for answer in answers for item in answer.evidence],
        window=Window(first=first, last=last),
        findings=[
            *ledger_phrases.books(totals.rows[0], lines.rows, equipment, signal),
            *ledger_phrases.gaps(reasons.rows, gaps.rows, equipment),
            *ledger_phrases.bad_quality(bad.rows if bad is not None else []),
        ],
        definitions=_DEFINITIONS,
        truncated=any(len(answer.rows) == _LISTED for answer in answers),
    )


async def _no_books(
    context: ToolContext, equipment: str | None, site: str | None, window: Window, totals: Answer
) -> ToolResult:
    known = await context.read(QUERIES["coverage"], [_BOOKS], {"equipment": equipment, "site": site})
    return ToolResult(
        rows=known.rows,
        evidence=[*totals.evidence, *known.evidence],
        window=window,
        findings=[ledger_phrases.no_books(equipment, window.first, window.last, known.rows)],
        found=False,
    )
