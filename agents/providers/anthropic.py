"""Anthropic's Messages API, streamed, through its SDK."""

from __future__ import annotations

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
    Thinking,
    Usage,
)

if TYPE_CHECKING:
    import anthropic

_UNAVAILABLE = {408, 409, 429, 500, 502, 503, 504, 529}


class AnthropicProvider:
    """One Claude model.

    Args:
        model: model id.
        api_key: key of the account.
        base_url: another server that speaks the protocol.
        timeout_s: longest silence.
    """

    name = "anthropic"

    def __init__(self, model: str, api_key: str, base_url: str | None = None, *, timeout_s: float = 120.0) -> None:
        import anthropic

        self.model = model
        self._sdk = anthropic
        self._client = anthropic.AsyncAnthropic(api_key=api_key, base_url=base_url, timeout=timeout_s, max_retries=1)

    async def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """See `agents.providers.face.Provider.stream`."""
        request: dict[str, Any] = {
            "model": self.model,
            "max_tokens": prompt.max_output_tokens,
            "system": [{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}],
            "messages": [turn(message) for message in prompt.messages],
            "stream": True,
        }
        if prompt.tools:
            request["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": plain_schema(tool.schema)}
                for tool in prompt.tools
            ]
        try:
            events = await self._client.messages.create(**request)
            async for piece in _pieces(events):
                yield piece
        except self._sdk.APIStatusError as error:
            raise _refusal(error) from error
        except self._sdk.APIError as error:  # connection and time-out
            raise ProviderUnavailableError("Anthropic cannot be reached", received=type(error).__name__) from error

    async def close(self) -> None:
        """Close the connection pool."""
        await self._client.close()


def turn(message: Message) -> dict[str, Any]:
    """One of our turns as Anthropic's content blocks."""
    if message.role == "tool":
        return {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": reply.id,
                    "content": reply.content,
                    "is_error": reply.is_error,
                }
                for reply in message.replies
            ],
        }
    if message.role == "user":
        return {"role": "user", "content": message.text}
    blocks: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
    blocks += [
        {"type": "tool_use", "id": request.id, "name": request.name, "input": dict(request.arguments)}
        for request in message.requests
    ]
    return {"role": "assistant", "content": blocks}


async def _pieces(events: Any) -> AsyncIterator[Piece]:
    open_call: CallStart | None = None
    arguments = ""
    counted = Usage(0, 0)
    async for event in events:
        match event.type:
            case "message_start":
                usage = event.message.usage
                counted = Usage(
                    usage.input_tokens,
                    usage.output_tokens,
                    usage.cache_read_input_tokens or 0,
                    usage.cache_creation_input_tokens or 0,
                )
            case "content_block_start" if event.content_block.type == "tool_use":
                open_call = CallStart(event.content_block.id, event.content_block.name)
                arguments = ""
                yield open_call
            case "content_block_delta" if event.delta.type == "text_delta":
                yield Text(event.delta.text)
            case "content_block_delta" if event.delta.type == "thinking_delta":
                yield Thinking(event.delta.thinking)
            case "content_block_delta" if event.delta.type == "input_json_delta" and open_call is not None:
                arguments += event.delta.partial_json
                yield CallDelta(open_call.id, event.delta.partial_json)
            case "content_block_stop" if open_call is not None:
                yield CallEnd(ToolRequest(open_call.id, open_call.name, read_arguments(arguments)))
                open_call = None
            case "message_delta":
                counted = Usage(
                    event.usage.input_tokens or counted.input_tokens,
                    event.usage.output_tokens,
                    event.usage.cache_read_input_tokens or counted.cache_read_tokens,
                    event.usage.cache_creation_input_tokens or counted.cache_write_tokens,
                )
            case _:
                pass  # block and message stops, pings: nothing that an answer is made of
    yield counted


def _refusal(error: anthropic.APIStatusError) -> ProviderUnavailableError | ProviderRefusedError:
    what = "Anthropic did not take the request"
    if error.status_code in _UNAVAILABLE:
        return ProviderUnavailableError(what, received=error.status_code)
    return ProviderRefusedError(
        what, received=f"{error.status_code} {error.message}"[:200], next_step="check the key and the model id"
    )
