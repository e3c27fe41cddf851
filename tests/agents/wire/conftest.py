"""Servers on loopback that speak the providers' wire protocols; what they were sent is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class WireServer:
    """One server; `answers` are used up in order."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        self.requests.append(json.loads(await request.body()))
        self.headers.append(dict(request.headers))
        answer = self.answers.pop(0)
        if isinstance(answer, tuple):
            status, body = answer
            return JSONResponse(body, status_code=status)

        async def stream() -> AsyncIterator[str]:
            for line in answer:
                yield line

        return StreamingResponse(stream(), media_type="text/event-stream")


async def _serve(path: str) -> AsyncIterator[WireServer]:
    wire = WireServer()
    app = Starlette(routes=[Route(path, wire.handle, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    wire.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield wire
    server.should_exit = True
    await task


@pytest.fixture
async def anthropic_wire() -> AsyncIterator[WireServer]:
    """Anthropic's Messages API."""
    async for wire in _serve("/v1/messages"):
        yield wire


@pytest.fixture
async def openai_wire() -> AsyncIterator[WireServer]:
    """OpenAI's Chat Completions API."""
    async for wire in _serve("/v1/chat/completions"):
        yield wire
