"""OpenAI's Chat Completions API, streamed, through its SDK; any server that speaks it will do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from agents.conversation import Message, Prompt, ToolRequest, plain_schema
from agents.providers.arguments import read_arguments
from agents.providers.face import (
    CallDelta,
    CallEnd,
    CallStart,
    Piece,
    ProviderRefusedError,
    ProviderUnavailableError,
    Text,
    Usage,
)

if TYPE_CHECKING:
    import openai

_UNAVAILABLE = {408, 409, 429, 500, 502, 503, 504}


class OpenAiProvider:
    """One model of OpenAI, or of a compatible server.

    Args:
        model: model id.
        api_key: key of the account.
        base_url: another server that speaks the protocol, with its `/v1`.
        timeout_s: longest silence.
    """

    name = "openai"

    def __init__(self, model: str, api_key: str, base_url: str | None = None, *, timeout_s: float = 120.0) -> None:
        import openai

        self.model = model
        self._sdk = openai
        self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout_s, max_retries=1)

    async def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """See `agents.providers.face.Provider.stream`."""
        request: dict[str, Any] = {
            "model": self.model,
            "max_completion_tokens": prompt.max_output_tokens,
            "messages": [
                {"role": "system", "content": prompt.system},
                *(part for message in prompt.messages for part in turns(message)),
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if prompt.tools:
            request["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": plain_schema(tool.schema),
                    },
                }
                for tool in prompt.tools
            ]
        try:
            chunks = await self._client.chat.completions.create(**request)
            async for piece in _pieces(chunks):
                yield piece
        except self._sdk.APIStatusError as error:
            raise _refusal(error) from error
        except self._sdk.APIError as error:  # connection and time-out
            raise ProviderUnavailableError("OpenAI cannot be reached", received=type(error).__name__) from error

    async def close(self) -> None:
        """Close the connection pool."""
        await self._client.close()


def turns(message: Message) -> list[dict[str, Any]]:
    """One of our turns as OpenAI's messages: every tool reply is a message of its own."""
    if message.role == "tool":
        return [{"role": "tool", "tool_call_id": reply.id, "content": reply.content} for reply in message.replies]
    said: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.requests:
        said["tool_calls"] = [
            {
                "id": request.id,
                "type": "function",
                "function": {"name": request.name, "arguments": json.dumps(dict(request.arguments))},
            }
            for request in message.requests
        ]
    return [said]


async def _pieces(chunks: Any) -> AsyncIterator[Piece]:
    calls: dict[int, CallStart] = {}
    arguments: dict[int, str] = {}
    async for chunk in chunks:
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            cached = (details.cached_tokens or 0) if details else 0
            yield Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, cached)
        if not chunk.choices:
            continue
        delta = chunk.choices[0].delta
        said = delta.content or delta.refusal
        if said:
            yield Text(said)
        for part in delta.tool_calls or []:
            if part.index not in calls and part.function is not None:
                calls[part.index] = CallStart(part.id or f"call_{part.index}", part.function.name or "")
                arguments[part.index] = ""
                yield calls[part.index]
            if part.index in calls and part.function is not None and part.function.arguments:
                arguments[part.index] += part.function.arguments
                yield CallDelta(calls[part.index].id, part.function.arguments)
    for index, call in calls.items():
        yield CallEnd(ToolRequest(call.id, call.name, read_arguments(arguments[index])))


def _refusal(error: openai.APIStatusError) -> ProviderUnavailableError | ProviderRefusedError:
    what = "OpenAI did not take the request"
    if error.status_code in _UNAVAILABLE:
        return ProviderUnavailableError(what, received=error.status_code)
    return ProviderRefusedError(
        what, received=f"{error.status_code} {error.message}"[:200], next_step="check the key and the model id"
    )
