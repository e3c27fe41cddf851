"""Clauses that point back to days (`was it overloaded then?`): the days come from the rows of the step before. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agents.analyst.choose import entity_of, parameters_of
from agents.analyst.compose import key_of
from agents.analyst.plan import Step
from agents.conversation import ToolDefinition, ToolReply

_MOST_DAYS = 5
_DAY_COLUMNS = ("date", "raised_at", "day")


def resolve_days(
    steps: Sequence[Step], replies: dict[tuple[str, str], ToolReply], tools: Sequence[ToolDefinition]
) -> list[Step]:
    """Steps that wait become one call a day, once the step before them has rows; without rows they keep their calls."""
    resolved: list[Step] = []
    for step in steps:
        if step.waits and resolved:
            days = _days(resolved[-1], replies)
            tool = next(tool for tool in tools if tool.name == step.tool)
            names = {entity_of(name, schema): name for name, schema in parameters_of(tool).items()}
            first, last = names.get("first_day"), names.get("last_day")
            if days and first and last:
                step = replace(
                    step, calls=tuple({**call, first: day, last: day} for call in step.calls for day in days)
                )
        resolved.append(step)
    return resolved


def _days(step: Step, replies: dict[tuple[str, str], ToolReply]) -> list[str]:
    found: dict[str, None] = {}
    for call in step.calls:
        reply = replies.get(key_of(step.tool or "", call))
        if reply is None or reply.is_error:
            continue
        rows: list[dict[str, Any]] = json.loads(reply.content).get("rows", [])
        for row in rows:
            day = next((str(row[name])[:10] for name in _DAY_COLUMNS if row.get(name)), None)
            if day:
                found[day] = None
    return list(found)[:_MOST_DAYS]
