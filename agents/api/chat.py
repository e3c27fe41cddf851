"""`POST /api/v1/chat`: one question, its answer as a stream of events."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from agents.api.services import Services, SignedIn
from agents.api.signed_in import services, signed_in, tool_context
from agents.events import AgentEvent
from agents.sessions import Sessions
from core.log import get_logger
from core.sdk.context import ToolContext

_log = get_logger("agents")
router = APIRouter(prefix="/api/v1", tags=["Chat"])
AGENT = "ANALYST"
"""Code of the agent that people talk to."""


class Question(BaseModel):
    """What is asked, and in which session; without one a new session begins."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(min_length=1, max_length=4000)
    session_id: UUID | None = None


class ToolView(BaseModel):
    """A tool as people see it."""

    name: str
    module: str
    summary: str
    parameters: dict[str, object]
    risk_level: str
    examples: list[str]
    token_cost: int


@router.post("/chat")
async def chat(
    question: Question,
    request: Request,
    person: Annotated[SignedIn, Depends(signed_in)],
    context: Annotated[ToolContext, Depends(tool_context)],
) -> StreamingResponse:
    """Answer a question; the stream ends with `answer` and `done`."""
    app = services(request)
    sessions = await app.sessions_of(person)
    session_id = await sessions.open(question.session_id, question.message)
    acting = dataclasses.replace(context, agent=AGENT, correlation_id=request.state.correlation_id)
    return StreamingResponse(
        _events(app, sessions, session_id, question.message, acting),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


async def _events(
    app: Services, sessions: Sessions, session_id: UUID, question: str, context: ToolContext
) -> AsyncIterator[str]:
    outcome = "failed"
    try:
        history = await sessions.history(session_id)
        async for event in app.executor.answer(question, context, history=history):
            if event.kind == "answer":
                outcome = "ok"
                await sessions.remember(session_id, question, event.data["text"], event.data)
            yield event.encode()
    except Exception as error:
        # The stream has begun: an error is its last event, never a broken connection.
        _log.exception("answer failed", action="chat", correlation=context.correlation_id)
        told = {"message": "The answer could not be finished.", "correlation_id": context.correlation_id}
        yield AgentEvent("error", {**told, "kind": type(error).__name__}).encode()
    finally:
        # A reader who left cancels this; the record is written all the same.
        record = context.audit.record(
            "agent.answer",
            AGENT,
            {"session_id": str(session_id)},
            outcome,
            agent=context.agent,
            request_id=context.correlation_id,
        )
        await asyncio.shield(asyncio.ensure_future(record))
    yield AgentEvent("done", {"session_id": str(session_id)}).encode()


@router.get("/tools")
async def tools(request: Request, context: Annotated[ToolContext, Depends(tool_context)]) -> list[ToolView]:
    """Tools the signed-in person may use."""
    available = services(request).registry.available(context.subscriptions, context.identity.permissions)
    return [
        ToolView(
            name=entry.tool.name,
            module=entry.tool.module_code,
            summary=entry.tool.summary,
            parameters=dict(entry.tool.schema),
            risk_level=entry.tool.policy.risk_level,
            examples=list(entry.tool.examples),
            token_cost=entry.token_cost,
        )
        for entry in available
    ]
