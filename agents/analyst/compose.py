"""The answer: the sentences that tools wrote, in the order they were asked, and what must be said about them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from agents.analyst.plan import Step
from agents.conversation import ToolDefinition, ToolReply

SIGNATURE = (
    "— Offline analyst, not a language model: it chose tools by meaning and relays only what they found. "
    "Set a model key for free conversation."
)


def compose(steps: Sequence[Step], replies: dict[tuple[str, str], ToolReply], tools: Sequence[ToolDefinition]) -> str:
    """Paragraphs, one a step.

    Args:
        steps: the plan.
        replies: tool results by (tool, arguments as canonical JSON).
        tools: what could have been called, to say what can be answered.
    """
    paragraphs: list[str] = []
    for step in steps:
        said = [step.refusal] if step.refusal else _relay(step, replies)
        text = "\n".join(line for line in said if line)
        if text and text not in paragraphs:
            paragraphs.append(text)
    if all(step.tool is None for step in steps):
        paragraphs.append(_offer(tools))
    return "\n\n".join([*paragraphs, SIGNATURE])


def key_of(tool: str, arguments: dict[str, Any]) -> tuple[str, str]:
    """How a call is recognised again."""
    return tool, json.dumps(arguments, sort_keys=True, default=str)


def _relay(step: Step, replies: dict[tuple[str, str], ToolReply]) -> list[str]:
    said: list[str] = []
    for call in step.calls:
        reply = replies.get(key_of(step.tool or "", call))
        if reply is None:
            said.append(f"There was no time left to ask about “{step.clause}”.")
        elif reply.is_error:
            said.append(f"{reply.name} could not answer: {reply.content}")
        else:
            said += _findings(reply)
    if step.note and said:
        said.append(step.note)
    return said


def _findings(reply: ToolReply) -> list[str]:
    result = cast("dict[str, Any]", json.loads(reply.content))
    said = list(cast("list[str]", result.get("findings", [])))
    if not said:
        said = [_plainly(row) for row in result.get("rows", [])[:10]] or [f"{reply.name} found nothing."]
    if result.get("truncated"):
        said.append("There is more than is listed here.")
    failed = sorted(
        {
            f"{item['table']}: {check}"
            for item in result.get("evidence", [])
            for check, status in item.get("checks", {}).items()
            if status == "failed"
        }
    )
    if failed:
        said.append(f"Take this with care, these checks failed on the rows behind it: {', '.join(failed)}.")
    return said


def _plainly(row: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items() if value is not None) + "."


def _offer(tools: Sequence[ToolDefinition]) -> str:
    can = [f"“{tool.examples[0]}”" for tool in tools if tool.reads_only and tool.examples]
    return f"I can answer questions such as {', '.join(can[:6])}." if can else "I have no tools to read with."
