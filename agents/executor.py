"""The loop every agent runs in: assemble, call the model, call its tools, look after safety, again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.backing import backing
from agents.conversation import Message, Prompt, ToolReply, ToolRequest
from agents.events import AgentEvent
from agents.prompt import PromptLayer, assemble, system_text
from agents.providers.face import (
    CallDelta,
    CallEnd,
    CallStart,
    Piece,
    Provider,
    ProviderRefusedError,
    ProviderUnavailableError,
    Text,
    Thinking,
    Usage,
)
from agents.registry import Registered, Registry
from agents.tokens import estimate
from agents.verify import verify
from core.errors import NotFoundError
from core.log import get_logger
from core.sdk.context import ToolContext
from core.sdk.pipeline.call import Exit, Outcome
from core.sdk.pipeline.stack import call_tool

_log = get_logger("agents")
_SAME_FAILURES = 3
"""The same failing call this many times ends the use of tools."""


@dataclass(slots=True)
class _Turn:
    """One question on its way to an answer."""

    messages: list[Message]
    results: list[dict[str, Any]] = field(default_factory=lambda: list[dict[str, Any]]())
    catalogue: list[dict[str, Any]] = field(default_factory=lambda: list[dict[str, Any]]())
    """Results of tools that list what there is, apart from those asked for an answer."""
    calls: list[dict[str, Any]] = field(default_factory=lambda: list[dict[str, Any]]())
    failures: Counter[tuple[str, str]] = field(default_factory=lambda: Counter[tuple[str, str]]())
    text: str = ""
    requests: list[ToolRequest] = field(default_factory=lambda: list[ToolRequest]())
    provider: Provider | None = None
    usage: list[Usage] = field(default_factory=lambda: list[Usage]())


class Executor:
    """Answers questions with a chain of providers and a registry of tools.

    Args:
        registry: tools, skills, personas.
        providers: tried in order; the next one takes over when one is unavailable.
        max_iterations: model calls one answer may take; the last one gets no tools.
    """

    def __init__(self, registry: Registry, providers: Sequence[Provider], *, max_iterations: int = 15) -> None:
        self._registry = registry
        self._providers = tuple(providers)
        self._max_iterations = max_iterations

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The chain, in the order in which it is tried."""
        return self._providers

    async def answer(
        self,
        question: str,
        context: ToolContext,
        *,
        history: Sequence[Message] = (),
        invocation: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AgentEvent]:
        """Events from the first word to `answer`.

        Args:
            question: what is asked.
            context: tenant, person, data.
            history: earlier turns of the session.
            invocation: facts the caller passes along.
        """
        tools = self._registry.available(context.subscriptions, context.identity.permissions)
        layers = assemble(
            context,
            self._registry.personas(context.subscriptions),
            self._registry.skills(context.subscriptions),
            tools,
            now=datetime.now(UTC),
            invocation=invocation,
        )
        yield _context_info(layers, tools)
        turn = _Turn([*history, Message("user", question)])
        for iteration in range(1, self._max_iterations + 1):
            stuck = any(count >= _SAME_FAILURES for count in turn.failures.values())
            last = iteration == self._max_iterations or stuck
            try:
                async for event in self._think(turn, layers, tools, last=last):
                    yield event
            except (ProviderUnavailableError, ProviderRefusedError) as error:
                yield AgentEvent("error", {"message": str(error), "iteration": iteration})
                return
            if not turn.requests or last:
                break
            async for event in self._act(turn, context):
                yield event
        yield self._finish(turn, question)

    async def _think(
        self, turn: _Turn, layers: Sequence[PromptLayer], tools: Sequence[Registered], *, last: bool
    ) -> AsyncIterator[AgentEvent]:
        """One model call; a provider that is unavailable before it said anything hands over to the next."""
        definitions = tuple(entry.definition for entry in tools)
        prompt = Prompt(
            system=system_text(layers),
            messages=tuple(turn.messages),
            tools=() if last else definitions,
            withheld_tools=definitions if last else (),
        )
        chain = self._providers[self._providers.index(turn.provider) if turn.provider else 0 :]
        for place, provider in enumerate(chain):
            turn.text, turn.requests, spoke = "", [], False
            try:
                async for piece in provider.stream(prompt):
                    spoke = True
                    event = _take(turn, piece)
                    if event is not None:
                        yield event
                turn.provider = provider
                turn.messages.append(Message("assistant", turn.text, tuple(turn.requests)))
                if turn.usage:
                    yield _token_usage(turn, provider, prompt)
                return
            except ProviderUnavailableError as error:
                _log.warning("provider unavailable", action="model.failover", provider=provider.name, error=str(error))
                if spoke or place == len(chain) - 1:
                    raise
                following = chain[place + 1]
                yield AgentEvent("context_info", {"failover": {"from": provider.name, "to": following.name}})

    async def _act(self, turn: _Turn, context: ToolContext) -> AsyncIterator[AgentEvent]:
        """Call everything the model asked for, side by side, each through the whole pipeline."""
        outcomes = await asyncio.gather(*(self._call(request, context) for request in turn.requests))
        replies: list[ToolReply] = []
        for request, outcome in zip(turn.requests, outcomes, strict=True):
            result = outcome.result.model_dump(mode="json") if outcome.result else None
            if result is None:
                turn.failures[request.name, json.dumps(dict(request.arguments), sort_keys=True, default=str)] += 1
                if outcome.exit in (Exit.DENIED, Exit.INVALID):
                    yield AgentEvent("guardrails_failed", _refused(request, outcome))
            else:
                listed = self._registry.tool(request.name).catalogue
                (turn.catalogue if listed else turn.results).append(result)
            turn.calls.append(_call_record(request, outcome))
            content = json.dumps(result, ensure_ascii=False) if result is not None else outcome.message
            replies.append(ToolReply(request.id, request.name, content, is_error=result is None))
            yield AgentEvent("tool_result", {**_call_record(request, outcome), "id": request.id, "result": result})
        turn.messages.append(Message("tool", replies=tuple(replies)))

    async def _call(self, request: ToolRequest, context: ToolContext) -> Outcome:
        try:
            tool = self._registry.tool(request.name)
        except NotFoundError as error:
            return Outcome(Exit.INVALID, message=str(error), stage="registry")
        return await call_tool(tool, request.arguments, context)

    def _finish(self, turn: _Turn, question: str) -> AgentEvent:
        asked = " ".join([*(message.text for message in turn.messages if message.role == "user"), question])
        # What a tool said instead of a result may be repeated too: since when a bridge is offline, what a site keeps.
        refused = {"rows": [{"message": call["message"]} for call in turn.calls if call["message"]]}
        verdict = verify(turn.text, [*turn.results, *turn.catalogue, refused], asked)
        stands_on = backing(turn.text, turn.results, turn.catalogue, asked)
        provider = turn.provider
        return AgentEvent(
            "answer",
            {
                "text": turn.text,
                "tools": turn.calls,
                "evidence": stands_on.evidence,
                "catalogue": stands_on.catalogue,
                "provider": provider.name if provider else None,
                "model": provider.model if provider else None,
                "verified": verdict.verified,
                "unmatched": verdict.unmatched,
                "checked": verdict.checked,
                "usage": {
                    "input_tokens": sum(usage.input_tokens for usage in turn.usage),
                    "output_tokens": sum(usage.output_tokens for usage in turn.usage),
                },
            },
        )


def _take(turn: _Turn, piece: Piece) -> AgentEvent | None:
    match piece:
        case Text(text):
            turn.text += text
            return AgentEvent("text", {"text": text})
        case Thinking(text):
            return AgentEvent("thinking", {"text": text})
        case CallStart(id, name):
            return AgentEvent("tool_call_start", {"id": id, "name": name})
        case CallDelta(id, arguments):
            return AgentEvent("tool_call_delta", {"id": id, "json": arguments})
        case CallEnd(request):
            turn.requests.append(request)
            return AgentEvent(
                "tool_call_end", {"id": request.id, "name": request.name, "arguments": dict(request.arguments)}
            )
        case Usage():
            turn.usage.append(piece)
            return None


def _context_info(layers: Sequence[PromptLayer], tools: Sequence[Registered]) -> AgentEvent:
    return AgentEvent(
        "context_info",
        {
            "layers": [{"name": layer.name, "tokens": layer.tokens} for layer in layers],
            "tools": [{"name": entry.tool.name, "tokens": entry.token_cost} for entry in tools],
        },
    )


def _token_usage(turn: _Turn, provider: Provider, prompt: Prompt) -> AgentEvent:
    """What the provider counted beside what we count ourselves."""
    usage = turn.usage[-1]
    read = prompt.system + "".join(
        message.text + "".join(reply.content for reply in message.replies) for message in prompt.messages
    )
    return AgentEvent(
        "token_usage",
        {
            "provider": provider.name,
            "model": provider.model,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "calc_input_tokens": estimate(read),
            "calc_output_tokens": estimate(turn.text),
        },
    )


def _call_record(request: ToolRequest, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": request.name,
        "arguments": dict(request.arguments),
        "exit": outcome.exit.value,
        "message": outcome.message,
        "rows": len(outcome.result.rows) if outcome.result else 0,
        "duration_ms": outcome.duration_ms,
    }


def _refused(request: ToolRequest, outcome: Outcome) -> dict[str, Any]:
    return {"tool": request.name, "stage": outcome.stage, "result": outcome.exit.value, "message": outcome.message}
