"""What a tenant's bridges say when they are asked: the present at the device, and the past at full resolution."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from core.sdk import InputError, SiteAnswer, ToolContext, ToolResult, Window
from modules.scada_monitor import on_site_phrases

_ROWS = 200
_OPEN = datetime(9999, 1, 1, tzinfo=UTC)
_HOURLY_DAYS = 2
"""Stretches up to this long are told in hours if nothing else is asked for."""


async def read_tag(context: ToolContext, equipment: str, signal: str, site: str | None) -> ToolResult:
    """One signal, asked for at its device now; one row."""
    answer = await context.on_site.read_tag(equipment, signal, site=site)
    return _result(answer, on_site_phrases.tag(answer.rows))


async def snapshot(context: ToolContext, equipment: str | None, site: str | None) -> ToolResult:
    """The newest reading of every signal that may leave; one row a signal."""
    answer = await context.on_site.snapshot(equipment, site=site, limit=_ROWS)
    return _result(answer, on_site_phrases.snapshot(answer.rows, answer.withheld, answer.never_read))


async def historian_query(
    context: ToolContext,
    equipment: str,
    signal: str,
    since: datetime | date,
    until: datetime | date | None,
    aggregate: str | None,
    every: str | None,
    site: str | None,
) -> ToolResult:
    """Readings as they were taken, or one aggregate of them in windows; the newest of the time, oldest first."""
    start, end = _moment(since), _end(until)
    if start >= end:
        raise InputError("`since` is not before `until`", received=start.isoformat())
    if aggregate is not None and every is None:
        every = "PT1H" if end - start <= timedelta(days=_HOURLY_DAYS) else "P1D"
    answer = await context.on_site.historian_query(
        equipment, signal, start, end, aggregate=aggregate, every=every, site=site, limit=_ROWS
    )
    last = (end - timedelta(microseconds=1)).date() if until is not None else None
    days = Window(first=start.date(), last=last)
    if aggregate is not None:
        said = on_site_phrases.windows(answer.rows, equipment, signal, aggregate, days)
    else:
        said = on_site_phrases.readings(answer.rows, equipment, signal, days, cut=answer.truncated)
    return _result(answer, said).model_copy(update={"window": days})


def _result(answer: SiteAnswer, findings: list[str]) -> ToolResult:
    return ToolResult(
        rows=answer.rows,
        evidence=answer.evidence,
        findings=findings,
        definitions={"age_s": "age of the reading when the bridge answered"},
        truncated=answer.truncated,
        found=bool(answer.rows),
    )


def _moment(value: datetime | date) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.combine(value, time(), UTC)


def _end(until: datetime | date | None) -> datetime:
    """A day that is named as the end counts as a whole."""
    if until is None:
        return _OPEN
    return _moment(until) if isinstance(until, datetime) else _moment(until) + timedelta(days=1)
