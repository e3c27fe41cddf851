"""The monitor's tools; each delegates to `service.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.sdk import (
    Above,
    Below,
    Condition,
    EquipmentId,
    EquipmentType,
    FaultCode,
    FirstDay,
    LastDay,
    SignalName,
    SiteName,
    ToolContext,
    ToolResult,
    TopN,
    platform_tool,
)
from modules.scada_monitor import ledger, service
from modules.scada_monitor.ai.site_tools import historian_query, read_tag, snapshot

__all__ = [
    "data_checks",
    "data_ledger",
    "describe_site",
    "fault_episodes",
    "fault_events",
    "historian_query",
    "read_tag",
    "sensor_history",
    "signal_extremes",
    "snapshot",
]

_MODULE = "SCADA_MONITOR"
_READ = "SCADA.READ"
_ORDERED = Condition(
    "the first day is not after the last",
    lambda values: not (values["first"] and values["last"]) or values["first"] <= values["last"],
)

Direction = Annotated[
    Literal["highest", "lowest"],
    Field(
        description="Which end.",
        json_schema_extra={
            "x-words": {
                "highest": ["hottest", "warmest", "maximum", "peak", "most", "fastest", "strongest", "top", "largest"],
                "lowest": ["coldest", "coolest", "minimum", "least", "slowest", "weakest", "smallest", "bottom"],
            }
        },
    ),
]
State = Annotated[
    Literal["open"],
    Field(
        description="Only episodes that have not cleared.",
        json_schema_extra={
            "x-words": {"open": ["active", "still on", "standing now", "unresolved", "uncleared", "not cleared"]}
        },
    ),
]


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    catalogue=True,
    timeout_ms=15_000,
    summary_instructions="""List the equipment of the tenant's sites with its type and the days that have data, the
    signals of each type with their units, and the fault codes ever raised. Call it first to learn exact names.""",
    examples=(
        "What equipment is there?",
        "Which machines do you know?",
        "Which signals and sensors are recorded, and in which units?",
        "What data do you have, and from when to when?",
        "List all machines of the site.",
        "Which sensors does this machine have?",
        "Which readings do you record of this machine?",
        "How many machines are there?",
    ),
)
async def describe_site(context: ToolContext, equipment_type: EquipmentType | None = None) -> ToolResult:
    """Equipment, signals with units, fault codes, and the days that have data."""
    return await service.describe_site(context, equipment_type)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=15_000,
    summary_instructions="""History of one signal of one piece of equipment over a period: mean, lowest, highest with
    their times, the latest value, the trend, and the course by hour or day; also how often it was above or below a
    limit. Use it for readings, values, levels and trends of a sensor.""",
    full_instructions="""`signal` must be one of the names that describe_site lists for the equipment's type. Windows of
    up to two days come hour by hour, longer ones day by day. Leave out `first` and `last` for all recorded data.""",
    examples=(
        "What was the pressure in May?",
        "How did the temperature develop last week?",
        "Show me the motor current on 5 June.",
        "What was the average speed, and how far did it go up and down?",
        "What is the trend of this sensor?",
        "What did the sensor read over that time?",
        "What is the value of this sensor?",
        "Is this sensor rising or falling?",
        "Was this sensor lower in June than in May?",
        "Compare this sensor in March and June.",
        "Did this sensor exceed a limit?",
        "How often was this sensor above a limit?",
    ),
    pre_conditions=(_ORDERED,),
)
async def sensor_history(
    context: ToolContext,
    equipment: EquipmentId,
    signal: SignalName,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    above: Above | None = None,
    below: Below | None = None,
) -> ToolResult:
    """Mean, lowest and highest of a signal, its trend and its course."""
    return await service.sensor_history(context, equipment, signal, first, last, above, below)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=15_000,
    summary_instructions="""Days on which a signal was highest or lowest, the most extreme first, with value, unit and
    hour. Use it for hottest, coldest, peak, maximum or minimum days of a sensor.""",
    examples=(
        "On which days did it run hottest?",
        "When was the pressure lowest?",
        "What was the peak current and when?",
        "Which day had the maximum temperature?",
        "Peak value of this sensor in that period",
        "When did the flow drop to its minimum?",
    ),
    pre_conditions=(_ORDERED,),
)
async def signal_extremes(
    context: ToolContext,
    signal: SignalName,
    direction: Direction = "highest",
    equipment: EquipmentId | None = None,
    equipment_type: EquipmentType | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    top: TopN = 5,
) -> ToolResult:
    """The most extreme days of a signal."""
    return await service.signal_extremes(context, signal, direction, equipment, equipment_type, first, last, top)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=15_000,
    summary_instructions="""Faults and alarms as episodes (raised, cleared, duration) that overlap a period, of one
    machine, of a type, or of the whole site, also by fault code. Use it for how often and when a fault was raised, how
    long it lasted, which machines show a fault and since when, and whether an alarm stood on certain days.""",
    examples=(
        "Which alarms were raised in May?",
        "Show the alarms of that period.",
        "Show the faults of June.",
        "List all faults.",
        "Which machines have this fault, and since when?",
        "Did an alarm stand at that time?",
        "Was this fault raised at that time?",
        "Were there any faults on 5 June?",
        "List the fault episodes of this machine.",
        "Which faults are still open?",
        "How long did the alarm last?",
        "How often did this fault happen?",
        "How often did the machine have this fault?",
        "How many times was this fault raised?",
        "How many times did it have this fault?",
        "When did this fault happen last?",
        "When was this fault first raised?",
        "How long did this fault last?",
        "What was the longest fault?",
        "Did the machine have this fault?",
        "Did the seal leak?",
        "How many machines have a fault?",
        "How many machines have this fault?",
        "What does this fault mean?",
    ),
    pre_conditions=(_ORDERED,),
)
async def fault_episodes(
    context: ToolContext,
    equipment: EquipmentId | None = None,
    equipment_type: EquipmentType | None = None,
    fault_code: FaultCode | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    state: State | None = None,
) -> ToolResult:
    """Fault episodes in a period."""
    return await service.fault_episodes(context, equipment, equipment_type, fault_code, first, last, state)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=15_000,
    summary_instructions="""Single fault records in the order they came: raised, cleared, acknowledged, with time and
    severity. Use it for the raw event log, not for durations.""",
    examples=(
        "Show the raw event log of that day.",
        "List every single alarm record as it came in.",
        "When exactly was the alarm acknowledged?",
    ),
    pre_conditions=(_ORDERED,),
)
async def fault_events(
    context: ToolContext,
    equipment: EquipmentId | None = None,
    fault_code: FaultCode | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    top: TopN = 50,
) -> ToolResult:
    """Single fault records in a period."""
    return await service.fault_events(context, equipment, fault_code, first, last, top)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=15_000,
    summary_instructions="""Whether the data can be trusted: the last result of every check on the tenant's tables,
    completeness included. Use it for data quality, failed checks and missing data.""",
    examples=(
        "Can I trust the data?",
        "How good is the data?",
        "Which data checks failed?",
        "Is the data complete?",
        "Is any data missing?",
    ),
)
async def data_checks(context: ToolContext) -> ToolResult:
    """How the last checks of the data went."""
    return await service.data_checks(context)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=15_000,
    summary_instructions="""The ledger: the books of readings between bridge and lake (read, withheld, sent, arrived in
    bronze and silver, lost, duplicated), and the gaps in which nobody read a machine, each with its reason. Use it for
    whether readings were lost or doubled, how complete the data of a machine is, and why there are gaps.""",
    full_instructions="""Leave out `equipment` for the whole of a tenant's sites. Spells of bad quality are told of one
machine. `lost` was sent and will not come: later batches of its lane are here. `in_flight` was sent and may
still come: a bridge that is offline holds it.""",
    examples=(
        "Was anything lost between bridge and lake?",
        "Were readings lost?",
        "How many readings were lost?",
        "Were any rows duplicated?",
        "Was anything stored twice?",
        "Do the books balance?",
        "Show the ledger.",
        "How complete is the data of this machine?",
        "How many readings were sent, withheld and received?",
        "How much of the data of this machine arrived?",
        "Why are there gaps in the data?",
        "Why is data of this machine missing?",
        "When was this machine not read?",
        "Are there gaps in the data of this machine?",
    ),
    pre_conditions=(_ORDERED,),
)
async def data_ledger(
    context: ToolContext,
    equipment: EquipmentId | None = None,
    signal: SignalName | None = None,
    site: SiteName | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
) -> ToolResult:
    """Every reading accounted for, and the time nobody read."""
    return await ledger.data_ledger(context, equipment, signal, site, first, last)
