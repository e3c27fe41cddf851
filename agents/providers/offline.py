"""The offline analyst as a provider: no key, no network, the same prompt and tools as any model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from agents.analyst.catalogue import Catalogue, read_catalogue
from agents.analyst.choose import Chooser
from agents.analyst.compose import compose, key_of
from agents.analyst.plan import Step, make_plan
from agents.analyst.waiting import resolve_days
from agents.conversation import Prompt, ToolDefinition, ToolReply, ToolRequest
from agents.providers.face import CallDelta, CallEnd, CallStart, Piece, Text, Usage
from agents.tokens import estimate

if TYPE_CHECKING:
    from core.embedding import Embedder

_PIECE = 80
_ERROR = 200


class OfflineAnalyst:
    """Reads the catalogue, plans, calls, relays; stateless between calls, so any turn can be repeated.

    Args:
        embedder: text to unit vectors.
    """

    name = "offline"
    model = "offline-analyst"

    def __init__(self, embedder: Embedder) -> None:
        self._chooser = Chooser(embedder)

    async def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """See `agents.providers.face.Provider.stream`."""
        replies = _replies(prompt)
        # Embedding is arithmetic: off the event loop with it, other people's streams go on meanwhile.
        wanted = await asyncio.to_thread(self._next_calls, prompt, replies)
        said = ""
        if wanted:
            for number, (tool, arguments) in enumerate(wanted):
                request = ToolRequest(f"call_{len(replies) + number + 1}", tool, arguments)
                yield CallStart(request.id, tool)
                yield CallDelta(request.id, json.dumps(arguments))
                yield CallEnd(request)
        else:
            steps = await asyncio.to_thread(self._plan, prompt, replies)
            said = compose(steps, _by_call(prompt, replies), _known_tools(prompt))
            for start in range(0, len(said), _PIECE):
                yield Text(said[start : start + _PIECE])
        read = prompt.system + "".join(message.text for message in prompt.messages)
        yield Usage(estimate(read + "".join(reply.content for reply in replies.values())), estimate(said))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _next_calls(self, prompt: Prompt, replies: dict[str, ToolReply]) -> list[tuple[str, dict[str, Any]]]:
        """Calls that are still to be made: the catalogue first, then the plan's, then those that waited for rows."""
        if not prompt.tools:
            return []
        done = _by_call(prompt, replies)
        catalogue = [(tool.name, {}) for tool in prompt.tools if tool.catalogue]
        missing = [call for call in catalogue if key_of(*call) not in done]
        if missing:
            return missing
        steps = self._plan(prompt, replies)
        calls = [(step.tool, call) for step in steps if step.tool and not step.waits for call in step.calls]
        missing = [call for call in calls if key_of(*call) not in done]
        if not missing:
            calls = [(step.tool, call) for step in steps if step.tool for call in step.calls]
            missing = [call for call in calls if key_of(*call) not in done]
        return _unique(missing)

    def _plan(self, prompt: Prompt, replies: dict[str, ToolReply]) -> list[Step]:
        questions = [message.text for message in prompt.messages if message.role == "user"]
        tools = _known_tools(prompt)
        catalogue = _catalogue(prompt, replies)
        if not catalogue.machines and (failed := _failed_catalogue(prompt, replies)):
            said = failed.content.splitlines()[0][:_ERROR]
            return [Step(questions[-1], refusal=f"What there is here could not be looked up: {said}")]
        steps = make_plan(questions[-1], questions[:-1], catalogue, tools, self._chooser)
        return resolve_days(steps, _by_call(prompt, replies), tools)


def _known_tools(prompt: Prompt) -> Sequence[ToolDefinition]:
    return prompt.tools or prompt.withheld_tools


def _catalogue(prompt: Prompt, replies: dict[str, ToolReply]) -> Catalogue:
    return read_catalogue(reply.content for reply in _listing(prompt, replies) if not reply.is_error)


def _failed_catalogue(prompt: Prompt, replies: dict[str, ToolReply]) -> ToolReply | None:
    """A reply that does not say what there is: what it would have named must not be called unknown."""
    return next((reply for reply in _listing(prompt, replies) if reply.is_error), None)


def _listing(prompt: Prompt, replies: dict[str, ToolReply]) -> list[ToolReply]:
    names = {tool.name for tool in _known_tools(prompt) if tool.catalogue}
    return [reply for reply in replies.values() if reply.name in names]


def _replies(prompt: Prompt) -> dict[str, ToolReply]:
    """Results since the newest question, by request id."""
    since = max(at for at, message in enumerate(prompt.messages) if message.role == "user")
    return {reply.id: reply for message in prompt.messages[since:] for reply in message.replies}


def _by_call(prompt: Prompt, replies: dict[str, ToolReply]) -> dict[tuple[str, str], ToolReply]:
    return {
        key_of(request.name, dict(request.arguments)): replies[request.id]
        for message in prompt.messages
        for request in message.requests
        if request.id in replies
    }


def _unique(calls: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    return list({key_of(*call): call for call in calls}.values())
