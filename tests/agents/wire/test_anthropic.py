"""The Anthropic adapter through the real SDK against a server that streams Messages events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.conversation import Message, Prompt, ToolDefinition, ToolReply, ToolRequest
from agents.providers.anthropic import AnthropicProvider
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

TOOL = ToolDefinition(
    "what_happened",
    "What happened to a machine.",
    {
        "type": "object",
        "properties": {"equipment": {"type": "string", "x-entity": "equipment"}},
        "required": ["equipment"],
    },
)


def event(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"


def opening(input_tokens: int = 21) -> str:
    usage = {
        "input_tokens": input_tokens,
        "output_tokens": 1,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 5,
    }
    message = {
        "id": "msg_01", "type": "message", "role": "assistant", "content": [], "model": "claude-sonnet-4-6",
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    return event("message_start", message=message)


def closing(reason: str, output_tokens: int) -> list[str]:
    return [
        event(
            "message_delta",
            delta={"stop_reason": reason, "stop_sequence": None},
            usage={"output_tokens": output_tokens},
        ),
        event("message_stop"),
    ]


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[str]:
    return [
        event("content_block_start", index=index, content_block=content),
        event("ping"),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


async def pieces(provider: AnthropicProvider, prompt: Prompt) -> list[Piece]:
    try:
        return [piece async for piece in provider.stream(prompt)]
    finally:
        await provider.close()


async def test_text_thinking_and_tool_calls_are_streamed(anthropic_wire: Any) -> None:
    anthropic_wire.answers.append(
        [
            opening(),
            *block(
                0, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "Hm."}
            ),
            *block(
                1,
                {"type": "text", "text": ""},
                {"type": "text_delta", "text": "Let me "},
                {"type": "text_delta", "text": "look."},
            ),
            *block(
                2,
                {"type": "tool_use", "id": "toolu_01", "name": "what_happened", "input": {}},
                {"type": "input_json_delta", "partial_json": '{"equipment": '},
                {"type": "input_json_delta", "partial_json": '"pump-1"}'},
            ),
            *block(3, {"type": "tool_use", "id": "toolu_02", "name": "describe_site", "input": {}}),
            *closing("tool_use", 43),
        ]
    )
    provider = AnthropicProvider("claude-sonnet-4-6", "key-1", anthropic_wire.url)
    got = await pieces(provider, Prompt("Be exact.", (Message("user", "What happened?"),), (TOOL,)))
    assert got == [
        Thinking("Hm."),
        Text("Let me "),
        Text("look."),
        CallStart("toolu_01", "what_happened"),
        CallDelta("toolu_01", '{"equipment": '),
        CallDelta("toolu_01", '"pump-1"}'),
        CallEnd(ToolRequest("toolu_01", "what_happened", {"equipment": "pump-1"})),
        CallStart("toolu_02", "describe_site"),
        CallEnd(ToolRequest("toolu_02", "describe_site", {})),
        Usage(21, 43, 5, 7),
    ]
    sent = anthropic_wire.requests[0]
    assert (sent["model"], sent["stream"], sent["system"][0]["text"]) == ("claude-sonnet-4-6", True, "Be exact.")
    assert sent["tools"] == [
        {
            "name": "what_happened",
            "description": "What happened to a machine.",
            "input_schema": {
                "type": "object",
                "properties": {"equipment": {"type": "string"}},
                "required": ["equipment"],
            },
        }
    ]
    assert anthropic_wire.headers[0]["authorization"] == "Bearer key-1"


async def test_tool_results_go_back_as_blocks(anthropic_wire: Any) -> None:
    anthropic_wire.answers.append(
        [
            opening(),
            *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Done."}),
            *closing("end_turn", 2),
        ]
    )
    request = ToolRequest("toolu_01", "what_happened", {"equipment": "pump-1"})
    messages = (
        Message("user", "What happened?"),
        Message("assistant", "Let me look.", (request,)),
        Message("tool", replies=(ToolReply("toolu_01", "what_happened", '{"rows": []}'),)),
    )
    provider = AnthropicProvider("claude-sonnet-4-6", "key-1", anthropic_wire.url)
    assert Text("Done.") in await pieces(provider, Prompt("Be exact.", messages))
    assert anthropic_wire.requests[0]["messages"] == [
        {"role": "user", "content": "What happened?"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "toolu_01", "name": "what_happened", "input": {"equipment": "pump-1"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": '{"rows": []}', "is_error": False}
            ],
        },
    ]
    assert "tools" not in anthropic_wire.requests[0]


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "authentication_error", ProviderRefusedError),
        (404, "not_found_error", ProviderRefusedError),
        (529, "overloaded_error", ProviderUnavailableError),
        (429, "rate_limit_error", ProviderUnavailableError),
    ],
)
async def test_errors_are_ours(anthropic_wire: Any, status: int, kind: str, error: type[Exception]) -> None:
    refusal = (status, {"type": "error", "error": {"type": kind, "message": "no"}})
    anthropic_wire.answers += [refusal, refusal]
    provider = AnthropicProvider("claude-sonnet-4-6", "key-1", anthropic_wire.url)
    with pytest.raises(error):
        await pieces(provider, Prompt("", (Message("user", "Hello"),)))


async def test_nobody_there_is_unavailable() -> None:
    provider = AnthropicProvider("claude-sonnet-4-6", "key-1", "http://127.0.0.1:9", timeout_s=2)
    with pytest.raises(ProviderUnavailableError):
        await pieces(provider, Prompt("", (Message("user", "Hello"),)))
