"""What the monitor knows: one function a question, each reading the lake and saying what it read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from core.sdk import ToolContext, ToolResult, Window, load_queries
from modules.scada_monitor import phrases

QUERIES = load_queries(Path(__file__).parent / "queries.sql")
_HOURLY_DAYS = 2
"""Windows up to this long are returned hour by hour."""
_EPISODES = 200
_HOURLY = "silver.signal_hourly"
_FAULTS = "silver.fault_episodes"


async def describe_site(context: ToolContext, equipment_type: str | None = None) -> ToolResult:
    """Equipment, signals and fault codes; grain: one row each, told apart by `kind`."""
    parameters = {"equipment_type": equipment_type}
    equipment = await context.read(QUERIES["equipment"], [_HOURLY], parameters)
    signals = await context.read(QUERIES["signals"], [_HOURLY], parameters)
    faults = await context.read(QUERIES["fault_codes"], [_FAULTS], parameters)
    return ToolResult(
        rows=[*equipment.rows, *signals.rows, *faults.rows],
        evidence=[*equipment.evidence, *signals.evidence, *faults.evidence],
        findings=phrases.catalogue(equipment.rows, signals.rows, faults.rows),
        found=bool(equipment.rows),
    )


async def sensor_history(
    context: ToolContext, equipment: str, signal: str, first: date | None, last: date | None
) -> ToolResult:
    """Course of one signal of one machine: a summary row, then a row an hour (short windows) or a day."""
    window: dict[str, Any] = {"equipment": equipment, "signal": signal, "first": first, "last": last}
    summary = await context.read(QUERIES["history_summary"], [_HOURLY], window)
    if not summary.rows:
        return await _nothing(context, equipment, signal, first, last)
    short = first is not None and last is not None and (last - first).days < _HOURLY_DAYS
    course = await context.read(QUERIES["history_hourly" if short else "history_daily"], [_HOURLY], window)
    return ToolResult(
        rows=[*summary.rows, *course.rows],
        evidence=[*summary.evidence, *course.evidence],
        window=Window(first=first, last=last),
        findings=phrases.history(summary.rows[0], first, last),
        definitions={"mean": "time-weighted mean"},
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
            findings=[phrases.no_signal(signal)],
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
) -> ToolResult:
    """Fault episodes that overlap a window; grain: per machine and code first, then the single episodes."""
    scope: dict[str, Any] = {"equipment": equipment, "equipment_type": equipment_type, "fault_code": fault_code}
    parameters = {**scope, "first": first, "last": last, "top": _EPISODES}
    grouped = await context.read(QUERIES["episodes_by_equipment"], [_FAULTS], parameters)
    single = await context.read(QUERIES["episodes"], [_FAULTS], parameters)
    evidence = [*grouped.evidence, *single.evidence]
    subject = equipment or (f"{phrases.kind(equipment_type)} equipment" if equipment_type else "the site")
    if not grouped.rows:
        ever = await context.read(QUERIES["episode_coverage"], [_FAULTS], scope)
        return ToolResult(
            rows=ever.rows,
            evidence=[*evidence, *ever.evidence],
            window=Window(first=first, last=last),
            findings=[phrases.no_episodes(subject, fault_code, first, last, ever.rows)],
            found=False,
        )
    return ToolResult(
        rows=[*grouped.rows, *single.rows],
        evidence=evidence,
        window=Window(first=first, last=last),
        findings=phrases.episodes(grouped.rows, single.rows, subject, first, last),
        truncated=len(single.rows) == _EPISODES,
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
        findings=phrases.events(events.rows, equipment or "the site", first, last),
        truncated=len(events.rows) == top,
        found=bool(events.rows),
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
