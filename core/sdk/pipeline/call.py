"""A tool call on its way through the pipeline, and how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.sdk.context import ToolContext
from core.sdk.result import ToolResult
from core.sdk.tool import Tool


class Exit(StrEnum):
    """How a call left the pipeline."""

    OK = "ok"
    DENIED = "denied"
    INVALID = "invalid"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: which tool, with what, for whom."""

    tool: Tool
    arguments: Mapping[str, Any]
    context: ToolContext
    values: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    """Arguments after validation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended; `message` is what the caller, human or model, is told when it did not work."""

    exit: Exit
    result: ToolResult | None = None
    message: str = ""
    stage: str = ""
    """Wrapper that ended it."""
    duration_ms: int = 0

    @property
    def ok(self) -> bool:
        """True if there is a result."""
        return self.exit is Exit.OK


Next = Callable[[ToolCall], Awaitable[Outcome]]
Wrapper = Callable[[ToolCall, Next], Awaitable[Outcome]]


def denied(stage: str, message: str) -> Outcome:
    """The caller may not."""
    return Outcome(Exit.DENIED, message=message, stage=stage)
