"""What the service tells while it works, one server-sent event each.

`text`, `thinking`, `tool_call_start`, `tool_call_delta`, `tool_call_end`, `tool_result`, `token_usage`,
`context_info`, `guardrails_failed`, `error`, `answer`, `done`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "text",
    "thinking",
    "tool_call_start",
    "tool_call_delta",
    "tool_call_end",
    "tool_result",
    "token_usage",
    "context_info",
    "guardrails_failed",
    "error",
    "answer",
    "done",
]


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """One event."""

    kind: Kind
    data: dict[str, Any]

    def encode(self) -> str:
        """As it goes over the wire (WHATWG HTML, section 9.2)."""
        return f"event: {self.kind}\ndata: {json.dumps(self.data, ensure_ascii=False, default=str)}\n\n"
