"""The fleet's tools; each delegates to `service.py`, `incidents.py` or `envelopes.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.sdk import (
    Above,
    Below,
    Condition,
    EquipmentId,
    EquipmentIds,
    EquipmentType,
    FaultCode,
    FirstDay,
    FreeText,
    KpiName,
    LastDay,
    ToolContext,
    ToolResult,
    TopN,
    platform_tool,
)
from modules.fleet_reliability import envelopes, incidents, service

_MODULE = "FLEET_RELIABILITY"
_READ = "FLEET.READ"
_TIMEOUT_MS = 15_000
_ORDERED = Condition(
    "the first day is not after the last",
    lambda values: not (values["first"] and values["last"]) or values["first"] <= values["last"],
)
Measure = Annotated[
    Literal["remaining_life", "anomaly"],
    Field(
        description="Rank by one measure only; leave out for remaining life where there is one, else anomaly.",
        json_schema_extra={"x-words": {"anomaly": ["abnormal", "unusual", "strange", "anomalous"]}},
    ),
]
Highest = Annotated[
    Literal["highest", "lowest"],
    Field(
        description="Which machines come first.",
        json_schema_extra={
            "x-words": {
                "highest": ["most", "largest", "maximum", "longest", "best"],
                "lowest": ["least", "smallest", "minimum", "shortest", "fewest"],
            }
        },
    ),
]
Order = Annotated[
    Literal["worst", "best"],
    Field(
        description="Which end of the ranking comes first.",
        json_schema_extra={
            "x-words": {
                "worst": ["worst", "shortest", "least healthy", "most urgent"],
                "best": ["healthiest", "longest", "most healthy", "least urgent", "most cycles", "most normal"],
            }
        },
    ),
]


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Machines that need attention first, with remaining useful life and its interval where there
    is a life model, else with the anomaly score and its reason. Also the state, the remaining life and the open faults
    of named machines. Use it for how long machines have got, which fail next, which are worst, least healthy or
    healthiest, which have less than so much life left, and whether a machine is fine.""",
    examples=(
        "Which machines should we look at first?",
        "How much longer will they run?",
        "Which equipment will fail next, which is closest to failure?",
        "What is the remaining useful life (RUL) of this machine?",
        "How many cycles are left?",
        "How much time does the machine have left?",
        "Which machines are in the worst health or shape?",
        "How healthy are the machines?",
        "What should we maintain first?",
        "When will it break down?",
        "Is this machine fine?",
        "What is the state of this machine?",
        "What is the status?",
        "Which machine is the healthiest?",
        "Which machines will fail within so many cycles?",
        "Which machines have less than so many cycles left?",
        "Is there anything to worry about?",
        "Is everything fine?",
    ),
)
async def rank_equipment(
    context: ToolContext,
    equipment: EquipmentIds | None = None,
    equipment_type: EquipmentType | None = None,
    by: Measure | None = None,
    order: Order = "worst",
    below: Below | None = None,
    above: Above | None = None,
    top: TopN | None = None,
) -> ToolResult:
    """Machines by urgency, with remaining life and interval."""
    return await service.rank_equipment(context, equipment, equipment_type, by, top, order, below, above)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""What happened in a period, to one machine or on the whole site: fault episodes, the
    strongest deviations of signals from the machine's own baseline, its strangest day, and what drives its remaining
    life. Use it for incidents, causes, reasons why a machine degrades or needs attention, and unusual behaviour.""",
    examples=(
        "What happened to this machine in that period?",
        "What went wrong on 5 June?",
        "Was anything odd or unusual with this machine last week?",
        "Why did it behave strangely in May?",
        "What was the incident about?",
        "Did anything abnormal occur in early March?",
        "What happened in that period?",
        "Why did this fault come up on 5 June?",
        "Why did the machine have this fault?",
        "Why is this machine degrading?",
        "Why does this machine need attention?",
        "Why is the machine so bad?",
        "What drives the score of this machine?",
        "Which signals deviated most from their baseline?",
        "What was the worst day?",
        "When did the machine last have a problem?",
        "Tell me about this machine.",
        "Give me everything on the incident in that period.",
    ),
    pre_conditions=(_ORDERED,),
)
async def what_happened(
    context: ToolContext,
    equipment: EquipmentId | None = None,
    equipment_type: EquipmentType | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
) -> ToolResult:
    """Faults and deviations in a period, of one machine or of all."""
    return await incidents.what_happened(context, equipment, first, last, equipment_type)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Whether an incident has happened before: earlier episodes of the same fault with dates, and
    incidents alike in description from the fault memory. Give the machine (and the days of the incident), a
    fault code, or a description.""",
    examples=(
        "Did the same thing ever happen before?",
        "Has this machine had anything like it before?",
        "Have we ever seen this fault again?",
        "Has this fault happened before?",
        "Has the fault of this machine happened before?",
        "Did this occur earlier on other machines?",
        "Were there similar incidents in the past?",
        "Is this a repeat, something we have seen in the past?",
        "Find incidents like a leaking seal.",
    ),
    pre_conditions=(_ORDERED,),
)
async def similar_incidents(
    context: ToolContext,
    equipment: EquipmentId | None = None,
    fault_code: FaultCode | None = None,
    text: FreeText | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
) -> ToolResult:
    """Earlier and similar incidents."""
    return await incidents.similar_incidents(context, equipment, fault_code, text, first, last)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Key figures over a period: utilisation, availability, throughput, cycle time, number of
    faults, mean time between failures, mean time to repair, overall equipment effectiveness; by machine.""",
    examples=(
        "What was the utilisation in May?",
        "How available was the machine last month?",
        "Was the machine busy?",
        "What is the mean time between failures?",
        "How much throughput did we have?",
        "How many faults were there in June?",
        "What is the OEE?",
        "What is the MTBF?",
        "What is the MTTR?",
        "What percentage or share of the time did the machine run?",
        "How long do repairs take on average?",
    ),
    pre_conditions=(_ORDERED,),
)
async def kpi_summary(
    context: ToolContext,
    kpi: KpiName | None = None,
    equipment: EquipmentIds | None = None,
    equipment_type: EquipmentType | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    order: Highest = "highest",
    top: TopN = 20,
) -> ToolResult:
    """Key figures of a period."""
    return await service.kpi_summary(context, kpi, equipment, equipment_type, first, last, top, order)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Machines side by side over a period: mean and worst anomaly score, number and hours of fault
    episodes. Use it to compare two or more machines, or all of a type.""",
    examples=(
        "Compare these two machines.",
        "Put these two machines side by side.",
        "Compare one machine with another in that period.",
        "How does this machine do against that one?",
        "Which of them was healthier in May?",
        "Difference between the machines of this type.",
    ),
    pre_conditions=(_ORDERED,),
)
async def compare_equipment(
    context: ToolContext,
    equipment: EquipmentIds | None = None,
    equipment_type: EquipmentType | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    top: TopN = 10,
) -> ToolResult:
    """Machines side by side."""
    return await service.compare_equipment(context, equipment, equipment_type, first, last, top)


@platform_tool(
    module_code=_MODULE,
    permission_code=_READ,
    risk_level="safe",
    timeout_ms=_TIMEOUT_MS,
    summary_instructions="""Whether machines run inside their own healthy envelope: what was normal under each operating
    condition while they were commissioned. Hours outside the limits, the signal that is furthest off and under which
    condition. Use it for envelopes, operating ranges, and whether a machine runs as when it was commissioned.""",
    examples=(
        "Is this machine running inside its healthy envelope?",
        "Was the machine outside its envelope in May?",
        "Does it run within its normal operating envelope?",
        "Which machines are outside their healthy envelope?",
        "How many hours did it spend outside its healthy envelope?",
        "Does it still run as it did when it was commissioned?",
        "Is it within what is normal for its operating condition?",
        "Which signal left the commissioning envelope?",
    ),
    pre_conditions=(_ORDERED,),
)
async def healthy_envelope(
    context: ToolContext,
    equipment: EquipmentIds | None = None,
    equipment_type: EquipmentType | None = None,
    first: FirstDay | None = None,
    last: LastDay | None = None,
    top: TopN | None = None,
) -> ToolResult:
    """Machines against their own healthy envelopes."""
    return await envelopes.healthy_envelope(context, equipment, equipment_type, first, last, top)
