"""Tools that ask a bridge on site; each delegates to `on_site.py`. They read; no tool writes there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.sdk import (
    Condition,
    EquipmentId,
    SignalName,
    Since,
    SiteName,
    ToolContext,
    ToolResult,
    Until,
    platform_tool,
)
from modules.scada_monitor import on_site

_MODULE = "SCADA_MONITOR"
_READ = "SCADA.READ"
_TIMEOUT_MS = 20_000
"""Beyond what a call to a bridge takes at most, so that the bridge's own word is what is heard."""
_WINDOWED = Condition(
    "`every` is the length of an `aggregate`'s windows", lambda values: values["every"] is None or values["aggregate"]
)
_KEPT = """Only signals that the site's contract lets out can be asked for; a refusal says which windows of a signal may
leave. A bridge that is offline is said with the time since when. Leave out `site` unless the answer asks for it."""

Aggregate = Annotated[
    Literal["mean", "min", "max", "last", "count", "time_weighted_mean"],
    Field(
        description="What to compute in each window.",
        json_schema_extra={
            "x-entity": "aggregate",
            "x-words": {
                "mean": ["average", "averages"],
                "min": ["minimum", "minima"],
                "max": ["maximum", "maxima"],
                "time_weighted_mean": ["time weighted mean", "time weighted average"],
            },
        },
    ),
]
Every = Annotated[str, Field(max_length=32, description="Length of a window, ISO 8601: PT15M, PT1H, P1D.")]


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Ask the device on site for the live value of one signal, through its bridge. Use it only
    when the live reading of the device itself is wanted.""",
    full_instructions=_KEPT,
    examples=(
        "Ask the device for this sensor live.",
        "What is the live value of this sensor?",
        "Read this sensor on site.",
        "What does the device itself show for this sensor?",
        "Read the sensor live from the controller.",
        "Ask the bridge to read this sensor.",
    ),
    cues=("live", "on site", "bridge", "device", "controller", "PLC"),
)
async def read_tag(
    context: ToolContext, equipment: EquipmentId, signal: SignalName, site: SiteName | None = None
) -> ToolResult:
    """One signal, asked for at its device now."""
    return await on_site.read_tag(context, equipment, signal, site)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Live snapshot of a machine or of a whole site from its bridge: the newest reading of every
    signal on site, with quality and age.""",
    full_instructions=_KEPT,
    examples=(
        "Take a live snapshot of this machine.",
        "Show a snapshot of the site.",
        "What are the live values of this machine on site?",
        "Which live values does the bridge have of all sensors?",
        "Ask the bridge for a snapshot.",
    ),
    cues=("snapshot", "live", "on site", "bridge"),
)
async def snapshot(
    context: ToolContext, equipment: EquipmentId | None = None, site: SiteName | None = None
) -> ToolResult:
    """The newest reading of every signal of a site."""
    return await on_site.snapshot(context, equipment, site)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Ask the historian on site, which keeps every reading at full resolution, for one signal
    over a time: single readings, or an aggregate in windows (min, max, mean, last, count, time-weighted mean). Use it
    for detail the lake does not have.""",
    full_instructions=f"""{_KEPT} The newest 200 rows of the time come back; without `until` it has no end. `aggregate`
alone takes windows of an hour, or of a day where the time is longer than two days.""",
    examples=(
        "What does the historian on site have of this sensor for that day?",
        "Show the full resolution readings of this sensor from the site.",
        "Ask the bridge's historian for this sensor.",
        "Ask the historian on site for the maximum of this sensor.",
        "Get the raw readings of this sensor from the historian.",
    ),
    cues=("historian", "full resolution", "on site", "bridge"),
    pre_conditions=(_WINDOWED,),
)
async def historian_query(
    context: ToolContext,
    equipment: EquipmentId,
    signal: SignalName,
    since: Since,
    until: Until | None = None,
    aggregate: Aggregate | None = None,
    every: Every | None = None,
    site: SiteName | None = None,
) -> ToolResult:
    """Readings of one signal over a time as the site keeps them, or aggregates in windows."""
    return await on_site.historian_query(context, equipment, signal, since, until, aggregate, every, site)
