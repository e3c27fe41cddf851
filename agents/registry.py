"""The tool registry: every tool of every module by name, and the platform's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.conversation import ToolDefinition
from agents.tokens import estimate
from core.errors import NotFoundError
from core.sdk.loader import Module
from core.sdk.pipeline.permission import PLATFORM
from core.sdk.skill import Skill
from core.sdk.tool import Tool


@dataclass(frozen=True, slots=True)
class Registered:
    """A tool and what it costs to have it in a prompt."""

    tool: Tool
    definition: ToolDefinition
    token_cost: int


class Registry:
    """Tools, skills and personas of the loaded modules.

    Args:
        modules: loaded modules.
        platform_tools: tools that belong to no module.
    """

    def __init__(self, modules: Sequence[Module], platform_tools: Iterable[Tool] = ()) -> None:
        self.modules = tuple(modules)
        tools = [*(tool for module in modules for tool in module.tools), *platform_tools]
        self._tools = {tool.name: _register(tool) for tool in tools}

    def tool(self, name: str) -> Tool:
        """A tool by name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self._tools:
            raise NotFoundError("no such tool", expected=", ".join(sorted(self._tools)), received=name)
        return self._tools[name].tool

    def available(self, subscriptions: frozenset[str], permissions: frozenset[str]) -> list[Registered]:
        """Tools a person may call; a model is not shown what it could not use."""
        return [
            entry
            for entry in self._tools.values()
            if entry.tool.policy.permission_code in permissions and entry.tool.module_code in {*subscriptions, PLATFORM}
        ]

    def skills(self, subscriptions: frozenset[str]) -> list[Skill]:
        """Skills of the subscribed modules."""
        return [
            skill for module in self.modules if module.manifest.module_code in subscriptions for skill in module.skills
        ]

    def personas(self, subscriptions: frozenset[str]) -> list[str]:
        """Who the agent is, a paragraph a subscribed module."""
        return [
            module.manifest.ai.agent.persona
            for module in self.modules
            if module.manifest.ai is not None and module.manifest.module_code in subscriptions
        ]


def _register(tool: Tool) -> Registered:
    definition = ToolDefinition(
        name=tool.name,
        description=tool.summary,
        schema=tool.schema,
        examples=tool.examples,
        catalogue=tool.catalogue,
        cues=tool.cues,
        reads_only=tool.policy.risk_level == "safe",
    )
    return Registered(tool, definition, estimate(f"{tool.name} {tool.summary} {dict(tool.schema)}"))
