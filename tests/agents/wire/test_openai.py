"""The OpenAI adapter through the real SDK against a server that streams chat completion chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.conversation import Message, Prompt, ToolDefinition, ToolReply, ToolRequest
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
from agents.providers.openai import OpenAiProvider

TOOL = ToolDefinition(
    "what_happened",
    "What happened to a machine.",
    {"type": "object", "properties": {"equipment": {"type": "string", "x-entity": "equipment"}}},
)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, usage: dict[str, Any] | None = None) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
    body = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1",
        "choices": choices, "usage": usage,
    }  # fmt: skip
    return f"data: {json.dumps(body)}\n\n"


def call(index: int, **function: str) -> dict[str, Any]:
    first = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
    return {"index": index, **first, "function": function}


async def pieces(provider: OpenAiProvider, prompt: Prompt) -> list[Piece]:
    try:
        return [piece async for piece in provider.stream(prompt)]
    finally:
        await provider.close()


async def test_text_and_tool_calls_are_streamed(openai_wire: Any) -> None:
    usage = {
        "prompt_tokens": 21,
        "completion_tokens": 43,
        "total_tokens": 64,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    openai_wire.answers.append(
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Let me look."}),
            chunk({"tool_calls": [call(0, name="what_happened", arguments="")]}),
            chunk({"tool_calls": [call(0, arguments='{"equipment": ')]}),
            chunk({"tool_calls": [call(0, arguments='"pump-1"}')]}),
            chunk({"tool_calls": [call(1, name="describe_site", arguments="{}")]}),
            chunk({}, finish="tool_calls"),
            chunk(usage=usage),
            "data: [DONE]\n\n",
        ]
    )
    provider = OpenAiProvider("gpt-4.1", "key-1", f"{openai_wire.url}/v1")
    got = await pieces(provider, Prompt("Be exact.", (Message("user", "What happened?"),), (TOOL,)))
    assert got == [
        Text("Let me look."),
        CallStart("call_0", "what_happened"),
        CallDelta("call_0", '{"equipment": '),
        CallDelta("call_0", '"pump-1"}'),
        CallStart("call_1", "describe_site"),
        CallDelta("call_1", "{}"),
        Usage(21, 43, 5),
        CallEnd(ToolRequest("call_0", "what_happened", {"equipment": "pump-1"})),
        CallEnd(ToolRequest("call_1", "describe_site", {})),
    ]
    sent = openai_wire.requests[0]
    assert sent["messages"] == [
        {"role": "system", "content": "Be exact."},
        {"role": "user", "content": "What happened?"},
    ]
    assert sent["stream_options"] == {"include_usage": True}
    assert sent["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"equipment": {"type": "string"}},
    }
    assert openai_wire.headers[0]["authorization"] == "Bearer key-1"


async def test_tool_results_go_back_as_messages(openai_wire: Any) -> None:
    openai_wire.answers.append([chunk({"content": "Done."}), chunk({}, finish="stop"), "data: [DONE]\n\n"])
    request = ToolRequest("call_0", "what_happened", {"equipment": "pump-1"})
    messages = (
        Message("user", "What happened?"),
        Message("assistant", "", (request,)),
        Message("tool", replies=(ToolReply("call_0", "what_happened", '{"rows": []}'),)),
    )
    provider = OpenAiProvider("gpt-4.1", "key-1", f"{openai_wire.url}/v1")
    assert Text("Done.") in await pieces(provider, Prompt("Be exact.", messages))
    assert openai_wire.requests[0]["messages"][2:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "call_0",
                    "type": "function",
                    "function": {"name": "what_happened", "arguments": '{"equipment": "pump-1"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": '{"rows": []}'},
    ]


async def test_arguments_that_are_not_json_are_kept_as_such(openai_wire: Any) -> None:
    openai_wire.answers.append(
        [chunk({"tool_calls": [call(0, name="what_happened", arguments='{"equipment": pump')]}), "data: [DONE]\n\n"]
    )
    provider = OpenAiProvider("gpt-4.1", "key-1", f"{openai_wire.url}/v1")
    got = await pieces(provider, Prompt("", (Message("user", "Hello"),)))
    assert got[-1] == CallEnd(ToolRequest("call_0", "what_happened", {"_malformed": '{"equipment": pump'}))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ProviderRefusedError),
        (404, ProviderRefusedError),
        (429, ProviderUnavailableError),
        (503, ProviderUnavailableError),
    ],
)
async def test_errors_are_ours(openai_wire: Any, status: int, error: type[Exception]) -> None:
    refusal = (status, {"error": {"message": "no", "type": "some_error", "param": None, "code": None}})
    openai_wire.answers += [refusal, refusal]
    provider = OpenAiProvider("gpt-4.1", "key-1", f"{openai_wire.url}/v1")
    with pytest.raises(error):
        await pieces(provider, Prompt("", (Message("user", "Hello"),)))
