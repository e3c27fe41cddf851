"""Parameter types of tools that stand for things of the plant.

Each is an ordinary type whose JSON schema carries the key `x-entity`. A language model reads the description; the
offline analyst reads the key and fills the parameter with what it found in the question.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

ENTITY_KEY = "x-entity"


def _entity(kind: str) -> dict[str, Any]:
    return {ENTITY_KEY: kind}


EquipmentId = Annotated[
    str, Field(description="Equipment id exactly as the catalogue spells it.", json_schema_extra=_entity("equipment"))
]
EquipmentIds = Annotated[
    list[str],
    Field(description="Equipment ids exactly as the catalogue spells them.", json_schema_extra=_entity("equipment")),
]
EquipmentType = Annotated[
    str, Field(description="Equipment type as the catalogue spells it.", json_schema_extra=_entity("equipment_type"))
]
SignalName = Annotated[
    str, Field(description="Signal name as the catalogue spells it.", json_schema_extra=_entity("signal"))
]
KpiName = Annotated[
    Literal[
        "utilisation",
        "availability",
        "throughput",
        "cycle_time",
        "fault_count",
        "operating_time",
        "mtbf",
        "mttr",
        "oee",
    ],
    Field(
        description="Which key figure.",
        json_schema_extra={
            "x-words": {
                "utilisation": ["utilization", "utilised", "utilized", "duty", "busy", "running"],
                "availability": ["available", "uptime", "downtime"],
                "throughput": ["output", "produced", "production"],
                "cycle_time": ["cycle times"],
                "fault_count": ["number of faults", "how many faults", "how many alarms", "fault counts"],
                "operating_time": ["operating hours", "running hours", "hours in operation"],
                "mtbf": ["mean time between", "time between failures", "time between faults"],
                "mttr": ["mean time to repair", "repair time", "time to repair", "to fix", "to repair", "repairs take"],
                "oee": ["overall equipment effectiveness"],
            }
        },
    ),
]
FaultCode = Annotated[str, Field(description="Fault code as recorded.", json_schema_extra=_entity("fault_code"))]
FirstDay = Annotated[
    date, Field(description="First UTC day of the period, ISO 8601.", json_schema_extra=_entity("first_day"))
]
LastDay = Annotated[
    date, Field(description="Last UTC day of the period, inclusive.", json_schema_extra=_entity("last_day"))
]
Since = Annotated[
    AwareDatetime | date,
    Field(description="Begin of the time, ISO 8601: a UTC day, or a moment with its zone.",
          json_schema_extra=_entity("first_day")),
]  # fmt: skip
Until = Annotated[
    AwareDatetime | date,
    Field(description="End of the time, ISO 8601: a UTC day as a whole, or a moment with its zone, exclusive.",
          json_schema_extra=_entity("last_day")),
]  # fmt: skip
SiteName = Annotated[str, Field(description="Site as the catalogue spells it.", json_schema_extra=_entity("site"))]
Above = Annotated[
    float, Field(description="Limit: only what lies above it, in the stored unit.", json_schema_extra=_entity("above"))
]
Below = Annotated[
    float, Field(description="Limit: only what lies below it, in the stored unit.", json_schema_extra=_entity("below"))
]
TopN = Annotated[int, Field(ge=1, le=50, description="How many to return.", json_schema_extra=_entity("count"))]
FreeText = Annotated[
    str, Field(max_length=2000, description="What to look for, in words.", json_schema_extra=_entity("text"))
]
