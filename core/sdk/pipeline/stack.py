"""The stack itself: one list, read top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from core.sdk.context import ToolContext
from core.sdk.pipeline.approval import approved
from core.sdk.pipeline.audit import audited
from core.sdk.pipeline.call import Next, Outcome, ToolCall, Wrapper
from core.sdk.pipeline.conditions import post_conditions, pre_conditions, success_criteria
from core.sdk.pipeline.execute import execute
from core.sdk.pipeline.permission import permitted
from core.sdk.pipeline.tenant import same_tenant
from core.sdk.tool import Tool

WRAPPERS: tuple[Wrapper, ...] = (
    audited,
    same_tenant,
    permitted,
    pre_conditions,
    approved,
    success_criteria,
    post_conditions,
)
"""Outermost first. Those that act after execution stand in reverse: post-conditions come before success criteria."""


def _around(inner: Next, wrapper: Wrapper) -> Next:
    async def proceed(call: ToolCall) -> Outcome:
        return await wrapper(call, inner)

    return proceed


_ROAD: Next = reduce(_around, reversed(WRAPPERS), execute)


async def call_tool(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> Outcome:
    """Call a tool the only way there is. Never raises for what the tool or its caller did wrong."""
    return await _ROAD(ToolCall(tool=tool, arguments=arguments, context=context))
