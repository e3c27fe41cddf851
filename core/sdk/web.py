"""What a module's `api.py` needs: the signed-in person's context, and the refusal if a right is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Request

from core.errors import DeniedError
from core.sdk.context import ToolContext

STATE_KEY = "tool_context"
"""Attribute of `request.state` in which the platform leaves the context of the signed-in person."""


def require_permission(permission_code: str, module_code: str) -> Callable[[Request], Awaitable[ToolContext]]:
    """A FastAPI dependency: the caller's context, if they hold the permission and their tenant has the module.

    A denial is in the audit log before it is answered.

    Raises:
        DeniedError: when called for somebody without it.
    """

    async def dependency(request: Request) -> ToolContext:
        context = cast("ToolContext | None", getattr(request.state, STATE_KEY, None))
        if context is None:
            raise DeniedError("sign in first")
        if not await context.has_module(module_code):
            raise await _denied(request, context, f"module {module_code} is not subscribed")
        if permission_code not in context.identity.permissions:
            raise await _denied(request, context, f"this needs the permission {permission_code}")
        return await context.within(module_code)

    return dependency


async def _denied(request: Request, context: ToolContext, reason: str) -> DeniedError:
    await context.audit.record(
        action="route.call",
        target=f"{request.method} {request.url.path}",
        after={"reason": reason},
        outcome="denied",
        agent=context.agent,
        request_id=getattr(request.state, "correlation_id", context.correlation_id),
    )
    return DeniedError(reason)
