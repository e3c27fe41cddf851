"""Tools that belong to the platform itself: any agent may call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from core.errors import NotFoundError
from core.sdk.context import ToolContext
from core.sdk.loader import Module
from core.sdk.pipeline.permission import PLATFORM
from core.sdk.result import ToolResult
from core.sdk.tool import Tool, platform_tool

READ_INSTRUCTIONS = "PLATFORM.USE_AGENTS"
"""Permission every signed-in person has while an agent acts for them."""

Name = Annotated[str, Field(description="Name as it stands in the prompt.")]


def instruction_tools(modules: Sequence[Module]) -> list[Tool]:
    """`get_tool_instructions` and `activate_skill` over some modules' tools and skills."""
    tools = {tool.name: tool for module in modules for tool in module.tools}
    skills = {skill.name: skill for module in modules for skill in module.skills}

    @platform_tool(
        module_code=PLATFORM,
        permission_code=READ_INSTRUCTIONS,
        risk_level="safe",
        summary_instructions="Full instructions and examples of one tool, for when its summary is not enough.",
    )
    async def get_tool_instructions(context: ToolContext, tool_name: Name) -> ToolResult:
        """Full instructions of a tool."""
        tool = tools.get(tool_name)
        if tool is None or not await context.has_module(tool.module_code):
            raise NotFoundError("no such tool", received=tool_name)
        asked = [f"Answers for example: {example}" for example in tool.examples]
        return ToolResult(
            findings=[tool.summary, *([tool.full_instructions] if tool.full_instructions else []), *asked]
        )

    @platform_tool(
        module_code=PLATFORM,
        permission_code=READ_INSTRUCTIONS,
        risk_level="safe",
        summary_instructions="The instructions of a skill; call it when a skill's description fits the task.",
    )
    async def activate_skill(context: ToolContext, skill_name: Name) -> ToolResult:
        """Instructions of a skill."""
        del context
        skill = skills.get(skill_name)
        if skill is None:
            raise NotFoundError("no such skill", received=skill_name)
        return ToolResult(findings=[skill.body])

    return [get_tool_instructions, *([activate_skill] if skills else [])]
