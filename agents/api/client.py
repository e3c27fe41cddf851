"""Where a request comes from, as far as can be told."""

from __future__ import annotations

from fastapi import Request

from core.identity import Client


def client_of(request: Request) -> Client:
    """Address and device; behind a proxy that the settings name, the address it was told."""
    return Client(request.client.host if request.client else "", request.headers.get("user-agent", ""))
