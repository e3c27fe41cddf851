"""Questions put to the agent service as each tenant's analyst, over HTTP, answers streamed as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from cli.demo.summary import Answer
from core.errors import TerminalError

_PATIENCE_S = 120.0


async def sign_in(url: str, slug: str, email: str, password: str) -> str:
    """The analyst's token.

    Raises:
        TerminalError: the service refuses.
    """
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE_S) as client:
        body = {"tenant": slug, "email": email, "password": password}
        response = await client.post("/api/v1/auth/sign-in", json=body)
    if response.status_code != 200:
        raise TerminalError("the analyst cannot sign in", received=f"{response.status_code} {response.text[:200]}")
    return str(response.json()["token"])


async def ask(url: str, token: str, tenant: str, question: str) -> Answer:
    """One question, one answer.

    Raises:
        TerminalError: the service refuses, or its stream ends without an answer.
    """
    async with (
        httpx.AsyncClient(base_url=url, timeout=_PATIENCE_S, headers={"authorization": f"Bearer {token}"}) as client,
        client.stream("POST", "/api/v1/chat", json={"message": question}) as response,
    ):
        if response.status_code != 200:
            text = (await response.aread()).decode(errors="replace")[:200]
            raise TerminalError("the agent service refuses the question", received=f"{response.status_code} {text}")
        async for event, data in _events(response.aiter_lines()):
            if event == "answer":
                return Answer(
                    tenant=tenant,
                    question=question,
                    answer=data["text"],
                    tools=[call["name"] for call in data["tools"]],
                    evidence=data["evidence"],
                )
            if event == "error":
                raise TerminalError("the agent service could not answer", received=str(data)[:300])
    raise TerminalError("the agent service ended its stream without an answer", received=question)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    event = "message"
    async for line in lines:
        if line.startswith("event:"):
            event = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield event, json.loads(line.removeprefix("data:"))
        elif not line:
            event = "message"
