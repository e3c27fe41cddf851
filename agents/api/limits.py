"""No request is larger than anything this service is ever sent."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 4 << 20
"""Of one request's body; counted as it comes, for a header may be missing or lie."""


class BodyLimit:
    """Pure ASGI; a body that is too large is refused while it is read, whoever sends it."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BODY_BYTES) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        read = int(said) if said.isascii() and said.isdigit() and len(said) < 20 and int(said) > self._most else 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, f"Request body is larger than {self._most} bytes")
            return message

        await self._app(scope, counted, send)
