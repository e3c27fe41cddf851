"""What the monitor knows: one function a question, each reading the lake and saying what it read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from core.sdk import Figure, ToolContext, ToolResult, Window, load_queries
from core.sdk.words import readable
from modules.scada_monitor import fault_phrases, phrases

QUERIES = load_queries(Path(__file__).parent / "queries.sql")
_HOURLY_DAYS = 2
"""Windows up to this long are returned hour by hour."""
_LISTED = 12
"""More episodes than this are told machine by machine."""
_MACHINES = 24
_HOURLY = "silver.signal_hourly"
_BASELINE = "gold.baseline"
_FAULTS = "silver.fault_episodes"


async def describe_site(context: ToolContext, equipment_type: str | None = None) -> ToolResult:
    """Types, equipment, signals and fault codes; grain: one row each, told apart by `kind`."""
    parameters = {"equipment_type": equipment_type}
    types = await context.read(QUERIES["equipment_types"], [_HOURLY], parameters)
    equipment = await context.read(QUERIES["equipment"], [_HOURLY], parameters)
    signals = await context.read(QUERIES["signals"], [_HOURLY], parameters)
    faults = await context.read(QUERIES["fault_codes"], [_FAULTS], parameters)
    return ToolResult(
        rows=[*types.rows, *equipment.rows, *signals.rows, *faults.rows],
        evidence=[*types.evidence, *equipment.evidence, *signals.evidence, *faults.evidence],
        findings=phrases.catalogue(types.rows, equipment.rows, signals.rows, faults.rows),
        found=bool(equipment.rows),
    )


async def sensor_history(
    context: ToolContext,
    equipment: str,
    signal: str,
    first: date | None,
    last: date | None,
    above: float | None = None,
    below: float | None = None,
) -> ToolResult:
    """Course of one signal of one machine: a summary row, the hours beyond a limit if one is asked about, then a row
    an hour (short windows) or a day."""
    window: dict[str, Any] = {"equipment": equipment, "signal": signal, "first": first, "last": last}
    summary = await context.read(QUERIES["history_summary"], [_HOURLY], window)
    if not summary.rows:
        return await _nothing(context, equipment, signal, first, last)
    short = first is not None and last is not None and (last - first).days < _HOURLY_DAYS
    course = await context.read(QUERIES["history_hourly" if short else "history_daily"], [_HOURLY], window)
    row = summary.rows[0]
    rows, evidence = [*summary.rows, *course.rows], [*summary.evidence, *course.evidence]
    normal = await context.read(QUERIES["baseline"], [_BASELINE], {"equipment": equipment, "signal": signal})
    rows += normal.rows
    evidence += normal.evidence if normal.rows else []
    findings = [*phrases.history(row, first, last), *phrases.baseline(normal.rows)]
    happened = None
    if above is not None or below is not None:
        limits = {"above": above, "below": below}
        beyond = await context.read(QUERIES["history_beyond"], [_HOURLY], {**window, **limits})
        rows, evidence = [*beyond.rows, *rows], [*beyond.evidence, *evidence]
        limit = phrases.limit(above, below, row["unit"])
        findings = [phrases.beyond(signal, equipment, limit, beyond.rows, first, last), *findings]
        happened = bool(beyond.rows)
    mean = row["mean"]
    named = f"mean {readable(signal)}"
    return ToolResult(
        rows=rows,
        evidence=evidence,
        window=Window(first=first, last=last),
        findings=findings,
        definitions={"mean": "time-weighted mean", "trend_per_day": "slope of a line through the hourly means"},
        happened=happened,
        figure=Figure(name=named, value=mean, unit=row["unit"], of=equipment) if mean is not None else None,
    )


async def signal_extremes(
    context: ToolContext,
    signal: str,
    direction: str,
    equipment: str | None,
    equipment_type: str | None,
    first: date | None,
    last: date | None,
    top: int,
) -> ToolResult:
    """Days on which a signal was highest or lowest; grain: machine and day, the most extreme first."""
    parameters: dict[str, Any] = {
        "signal": signal,
        "direction": direction,
        "equipment": equipment,
        "equipment_type": equipment_type,
        "first": first,
        "last": last,
        "top": top,
    }
    days = await context.read(QUERIES["extremes"], [_HOURLY], parameters)
    if not days.rows:
        if equipment is not None:
            return await _nothing(context, equipment, signal, first, last)
        return ToolResult(
            evidence=days.evidence,
            window=Window(first=first, last=last),
            findings=[phrases.no_signal(signal, first, last)],
            found=False,
        )
    return ToolResult(
        rows=days.rows,
        evidence=days.evidence,
        window=Window(first=first, last=last),
        findings=phrases.extremes(days.rows, direction),
    )


async def fault_episodes(
    context: ToolContext,
    equipment: str | None,
    equipment_type: str | None,
    fault_code: str | None,
    first: date | None,
    last: date | None,
    state: str | None = None,
) -> ToolResult:
    """Fault episodes that overlap a window; grain: per fault code first, then per machine if there are many episodes,
    then the single episodes."""
    scope: dict[str, Any] = {"equipment": equipment, "equipment_type": equipment_type, "fault_code": fault_code}
    window = Window(first=first, last=last)
    parameters = {**scope, "first": first, "last": last, "state": state}
    codes = await context.read(QUERIES["episodes_by_code"], [_FAULTS], parameters)
    watch = {"equipment": equipment, "equipment_type": equipment_type}
    watched = await context.read(QUERIES["days_watched"], [_HOURLY], watch)
    # What still stands stands on every later day, also on those nobody watched: they are no answer.
    if not codes.rows or not fault_phrases.watched_then(first, last, watched.rows):
        ever = await context.read(QUERIES["episode_coverage"], [_FAULTS], scope)
        subject = fault_phrases.subject(equipment, equipment_type)
        return ToolResult(
            rows=[*ever.rows, *watched.rows],
            evidence=[*codes.evidence, *ever.evidence, *watched.evidence],
            window=window,
            findings=[fault_phrases.none(subject, fault_code, state, first, last, watched.rows, ever.rows)],
            found=False,
            happened=False if fault_phrases.watched_then(first, last, watched.rows) else None,
        )
    rows, evidence = list(codes.rows), list(codes.evidence)
    machines: list[dict[str, Any]] = []
    if sum(row["episodes"] for row in codes.rows) > _LISTED:
        grouped = await context.read(QUERIES["episodes_by_machine"], [_FAULTS], {**parameters, "top": _MACHINES})
        machines = grouped.rows
        rows, evidence = [*rows, *machines], [*evidence, *grouped.evidence]
    listed = (await context.settings())["listed_rows"]
    single = await context.read(QUERIES["episodes"], [_FAULTS], {**parameters, "top": listed})
    count = sum(row["episodes"] for row in codes.rows)
    named = f"number of {fault_code or 'fault'} episodes"
    return ToolResult(
        rows=[*rows, *single.rows],
        evidence=[*evidence, *single.evidence],
        window=window,
        findings=fault_phrases.episodes(codes.rows, machines, single.rows, first, last),
        definitions={"hours": "time from raising to clearing, summed over the episodes that have cleared"},
        happened=True,
        figure=Figure(name=named, value=count, of=equipment or "") if len(codes.rows) == 1 else None,
    )


async def fault_events(
    context: ToolContext, equipment: str | None, fault_code: str | None, first: date | None, last: date | None, top: int
) -> ToolResult:
    """Single fault records as they came; grain: event."""
    parameters: dict[str, Any] = {
        "equipment": equipment,
        "fault_code": fault_code,
        "first": first,
        "last": last,
        "top": top,
    }
    events = await context.read(QUERIES["events"], ["silver.events"], parameters)
    return ToolResult(
        rows=events.rows,
        evidence=events.evidence,
        window=Window(first=first, last=last),
        findings=fault_phrases.events(events.rows, fault_phrases.subject(equipment, None), first, last),
        truncated=len(events.rows) == top,
        found=bool(events.rows),
    )


async def data_checks(context: ToolContext) -> ToolResult:
    """How the last checks of the tenant's tables went; grain: check, those that did not pass first."""
    checks = await context.read(QUERIES["latest_checks"], ["ops.check_results"])
    return ToolResult(
        rows=checks.rows,
        evidence=checks.evidence,
        findings=phrases.checks(checks.rows),
        definitions={"observed": "what the check found", "expected": "what would have been right"},
        found=bool(checks.rows),
    )


async def _nothing(
    context: ToolContext, equipment: str, signal: str, first: date | None, last: date | None
) -> ToolResult:
    known = await context.read(QUERIES["coverage"], [_HOURLY], {"equipment": equipment, "signal": signal})
    return ToolResult(
        rows=known.rows,
        evidence=known.evidence,
        window=Window(first=first, last=last),
        findings=[phrases.no_data(equipment, signal, first, last, known.rows)],
        found=False,
    )
