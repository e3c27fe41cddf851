"""Second wrapper: the person has the permission, the tenant has the module, the agent is allowed."""

from __future__ import annotations

from core.sdk.pipeline.call import Next, Outcome, ToolCall, denied

_STAGE = "permission"
PLATFORM = "PLATFORM"
"""Module code of the tools that belong to the platform itself; every tenant has them."""


async def permitted(call: ToolCall, proceed: Next) -> Outcome:
    """Deny without the permission, the subscription or the agent's right."""
    tool, context = call.tool, call.context
    if tool.module_code != PLATFORM and not await context.has_module(tool.module_code):
        return denied(_STAGE, f"module {tool.module_code} is not subscribed")
    if tool.policy.permission_code not in context.identity.permissions:
        return denied(_STAGE, f"{tool.name} needs the permission {tool.policy.permission_code}")
    agent = context.agent
    if agent is not None:
        if agent in tool.policy.denied_agents:
            return denied(_STAGE, f"agent {agent} may not call {tool.name}")
        if tool.policy.allowed_agents is not None and agent not in tool.policy.allowed_agents:
            return denied(
                _STAGE, f"only agents of {', '.join(sorted(tool.policy.allowed_agents))} may call {tool.name}"
            )
    return await proceed(call)
