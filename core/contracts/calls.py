"""Tool calls over the one socket: the platform asks, the bridge answers each call once, under its id.

gateway -> bridge: `tool_call`, `tool_cancel`. bridge -> gateway: `tool_answer`. Whoever is asked may refuse; who asks
learns it by name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_BYTES = 512 * 1024
"""Longest message of a call or of its answer, as it lies on the wire; the socket takes twice as much."""
MOST_SECONDS = 60.0
"""Longest time that a call may take."""

CallId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{8,64}$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,62}$")]


class CallOutcome(StrEnum):
    """How a call ended on site."""

    OK = "ok"
    UNKNOWN_TOOL = "unknown_tool"
    REFUSED = "refused"
    """The site does not allow it, whatever the platform said."""
    INVALID = "invalid"
    FAILED = "failed"
    TIMEOUT = "timeout"
    BUSY = "busy"


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolCall(_Message):
    """The platform asks a bridge for something; answered with one `tool_answer` of the same id."""

    type: Literal["tool_call"] = "tool_call"
    id: CallId
    tool: ToolName
    arguments: dict[str, Any]
    timeout_ms: int = Field(ge=1, le=int(MOST_SECONDS * 1000))
    asked_by: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """Who asks, for the log on site."""


class ToolCancel(_Message):
    """Nobody waits for the answer of a call any more."""

    type: Literal["tool_cancel"] = "tool_cancel"
    id: CallId


class ToolAnswer(_Message):
    """What came of a call; `result` if it went well, `message` if it did not."""

    type: Literal["tool_answer"] = "tool_answer"
    id: CallId
    outcome: CallOutcome
    result: dict[str, Any] | None = None
    message: str = ""
