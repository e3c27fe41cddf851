"""Outermost: whatever happens inside, one record is written, and the call takes its time with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.sdk.pipeline.call import Next, Outcome, ToolCall


async def audited(call: ToolCall, proceed: Next) -> Outcome:
    """Record every exit: who, which tool, how it ended, where; payload by the tool's audit level."""
    start = time.monotonic()
    outcome = await proceed(call)
    outcome = replace(outcome, duration_ms=round((time.monotonic() - start) * 1000))
    await call.context.audit.record(
        action="tool.call",
        target=f"{call.tool.module_code}.{call.tool.name}",
        after=_payload(call, outcome),
        outcome=outcome.exit.value,
        agent=call.context.agent,
        request_id=call.context.correlation_id,
    )
    return outcome


def _payload(call: ToolCall, outcome: Outcome) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "duration_ms": outcome.duration_ms,
        "stage": outcome.stage,
        "message": outcome.message,
    }
    if call.tool.policy.audit != "none":
        facts["arguments"] = {name: str(value) for name, value in call.arguments.items()}
    if outcome.result is not None and call.tool.policy.audit != "none":
        facts["rows"] = len(outcome.result.rows)
        facts["evidence"] = [item.cited for item in outcome.result.evidence]
    if outcome.result is not None and call.tool.policy.audit == "full":
        facts["result"] = outcome.result.model_dump(mode="json")
    return facts
