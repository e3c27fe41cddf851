"""What a module's `api.py` needs: the signed-in person's context, and the refusal if a right is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Request

from core.errors import DeniedError
from core.sdk.context import ToolContext

STATE_KEY = "tool_context"
"""Attribute of `request.state` in which the platform leaves the context of the signed-in person."""


def require(permission_code: str, module_code: str) -> Callable[[Request], Awaitable[ToolContext]]:
    """A FastAPI dependency: the caller's context, if they hold the permission and their tenant has the module.

    Raises:
        DeniedError: when called for somebody without it.
    """

    async def dependency(request: Request) -> ToolContext:
        context = cast("ToolContext | None", getattr(request.state, STATE_KEY, None))
        if context is None:
            raise DeniedError("sign in first")
        if module_code not in context.subscriptions:
            raise DeniedError(f"module {module_code} is not subscribed")
        if permission_code not in context.identity.permissions:
            raise DeniedError(f"this needs the permission {permission_code}")
        return await context.within(module_code)

    return dependency
