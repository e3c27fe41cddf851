"""Headers of every answer: a correlation id, and what a browser must not do."""

from __future__ import annotations

from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.audit import Interface, request

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
SAFE = {
    "content-security-policy": _CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
"""On every answer."""


class Headers:
    """Pure ASGI, so that streams pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request an id and the response its headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = uuid4().hex
        scope.setdefault("state", {})["correlation_id"] = correlation

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-correlation-id"] = correlation
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        with request(Interface.API, correlation):
            await self._app(scope, receive, with_headers)
