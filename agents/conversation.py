"""What goes to a model and comes back, in words of our own; each provider translates at its door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as a model sees it.

    Attributes:
        name: unique among the tools of a call.
        description: what it does and when to use it.
        schema: JSON schema of its parameters; keys beginning with `x-` are hints for the offline analyst.
        examples: questions it answers.
        catalogue: it lists what there is.
        reads_only: calling it changes nothing.
        cues: words one of which a question for it holds; empty if meaning alone decides.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    examples: tuple[str, ...] = ()
    catalogue: bool = False
    reads_only: bool = True
    cues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A model wants a tool called."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What the tool gave, as JSON text."""

    id: str
    name: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. An assistant's turn may ask for tools; the `tool` turn after it answers all of them."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    requests: tuple[ToolRequest, ...] = ()
    replies: tuple[ToolReply, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """One model call: the assembled system text, the turns, the tools it may ask for."""

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolDefinition, ...] = ()
    withheld_tools: tuple[ToolDefinition, ...] = ()
    """On the last iteration: tools there are, but that may no longer be asked for."""
    max_output_tokens: int = 4096


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without our `x-` hints, as other people's servers expect it."""

    def clean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): clean(item) for key, item in value.items() if not str(key).startswith("x-")}
        return [clean(item) for item in value] if isinstance(value, list) else value

    return clean(schema)
