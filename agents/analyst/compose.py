"""The answer: the sentences that tools wrote, in the order they were asked, and what must be said about them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from agents.analyst.choose import entity_of, parameters_of
from agents.analyst.days import ANY_DAY
from agents.analyst.plan import Step
from agents.analyst.spelling import words_of
from agents.analyst.times import find_periods
from agents.conversation import ToolDefinition, ToolReply
from core.sdk.words import listing, number, period, sentence, with_unit

SIGNATURE = (
    "— Offline analyst, not a language model: it chose tools by meaning and relays only what they found. "
    "Set a model key for free conversation."
)
_OFFERED = 4
_ERROR = 200
_POINTS = frozenset("this these those that it they them same there machine".split())  # noqa: SIM905  reads as the words do
Result = dict[str, Any]


def compose(steps: Sequence[Step], replies: dict[tuple[str, str], ToolReply], tools: Sequence[ToolDefinition]) -> str:
    """Paragraphs, one a step.

    Args:
        steps: the plan.
        replies: tool results by (tool, arguments as canonical JSON).
        tools: what could have been called, to say what can be answered.
    """
    paragraphs: list[str] = []
    for step in steps:
        said = [step.refusal] if step.refusal else _relay(step, replies, tools)
        text = "\n".join(line for line in said if line)
        if text and text not in paragraphs:
            paragraphs.append(text)
    if not steps or (all(step.tool is None for step in steps) and any(step.lost for step in steps)):
        paragraphs.append(_offer(tools))
    return "\n\n".join([*paragraphs, SIGNATURE])


def key_of(tool: str, arguments: dict[str, Any]) -> tuple[str, str]:
    """How a call is recognised again."""
    return tool, json.dumps(arguments, sort_keys=True, default=str)


def _relay(step: Step, replies: dict[tuple[str, str], ToolReply], tools: Sequence[ToolDefinition]) -> list[str]:
    said: list[str] = []
    results: list[Result] = []
    for call in step.calls:
        reply = replies.get(key_of(step.tool or "", call))
        if reply is None:
            said.append(f"There was no time left to ask about “{step.clause}”.")
        elif reply.is_error:
            said.append(f"“{step.clause}” could not be looked up: {reply.content.splitlines()[0][:_ERROR]}")
        else:
            result = cast("Result", json.loads(reply.content))
            results.append(result)
            said += _findings(reply.name, result)
            if result.get("truncated") and not _count_asked(step.tool, call, tools):
                said.append("There are more; ask for one machine or a shorter period to see them.")
    word = _yes_or_no(step, results, said)
    if word and len(results) == 1:
        said[0] = f"{word} {said[0]}"
        word = ""
    lead = [word] if word else _side_by_side(results)
    unique = list(dict.fromkeys([*lead, *said]))
    return [*unique, *_failed_checks(results), *(step.notes if said else ())]


def _findings(tool: str, result: Result) -> list[str]:
    said = list(cast("list[str]", result.get("findings", [])))
    return said or [_plainly(row) for row in result.get("rows", [])[:10]] or [f"{tool} found nothing."]


def _yes_or_no(step: Step, results: Sequence[Result], said: Sequence[str]) -> str:
    """A word in front, where the clause asks for it and the results know it."""
    known = [bool(result["happened"]) for result in results if result.get("happened") is not None]
    if not step.yes_no or not known or len(known) < len(results) or said[0].startswith(("Yes", "No")):
        return ""
    if len(known) == 1:
        return "Yes." if known[0] else "No."
    return "Yes, each time." if all(known) else "On some of them, not on all." if any(known) else "No, not once."


def _side_by_side(results: Sequence[Result]) -> list[str]:
    """Results that come down to one number each, the same one for several periods: which is higher."""
    figures = [(result["figure"], result.get("window") or {}) for result in results if result.get("figure")]
    kinds = {(figure["name"], figure["of"], figure["unit"]) for figure, _ in figures}
    if len(figures) < 2 or len(figures) < len(results) or len(kinds) > 1:
        return []
    ranked = sorted(figures, key=lambda pair: -pair[0]["value"])
    said = [f"{period(window.get('first'), window.get('last'))} ({_figure(figure)})" for figure, window in ranked]
    named = ranked[0][0]
    subject = sentence(named["name"] + (f" of {named['of']}" if named["of"] else ""))
    if _figure(named) == _figure(ranked[-1][0]):
        return [f"{subject} was the same {listing(said)}."]
    return [f"{subject} was higher {' than '.join(said)}."]


def _figure(figure: dict[str, Any]) -> str:
    return with_unit(number(figure["value"]), figure["unit"])


def _failed_checks(results: Sequence[Result]) -> list[str]:
    failed = sorted(
        {
            f"{item['table']}: {check}"
            for result in results
            for item in result.get("evidence", [])
            for check, status in item.get("checks", {}).items()
            if status == "failed"
        }
    )
    return [f"Take this with care, these checks failed on the rows behind it: {', '.join(failed)}."] if failed else []


def _count_asked(tool: str | None, call: dict[str, Any], tools: Sequence[ToolDefinition]) -> bool:
    """The question said how many: that there are more is no news."""
    slots = next((parameters_of(known) for known in tools if known.name == tool), {})
    return any(entity_of(name, schema) == "count" and name in call for name, schema in slots.items())


def _plainly(row: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items() if value is not None) + "."


def _offer(tools: Sequence[ToolDefinition]) -> str:
    """A few questions that stand alone and need no period, one a tool."""
    can: list[str] = []
    for tool in tools:
        alone = [text for text in tool.examples if not (words_of([text]) & _POINTS or find_periods(text, ANY_DAY))]
        if tool.reads_only and alone:
            can.append(f"“{alone[0]}”")
    return f"I can answer questions such as {', '.join(can[:_OFFERED])}." if can else "I have no tools to read with."
