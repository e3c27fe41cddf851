"""Approval: a tool that needs a human's agreement does not run without one."""

from __future__ import annotations

from core.sdk.pipeline.call import Next, Outcome, ToolCall, denied


async def approved(call: ToolCall, proceed: Next) -> Outcome:
    """Fail closed: an approval can only be given in an approval queue, and this installation has none."""
    if call.tool.policy.requires_approval:
        return denied("approval", f"{call.tool.name} needs a human's approval, and no approval queue is installed")
    return await proceed(call)
