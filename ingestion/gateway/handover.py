"""Trust at registration: a bridge that connects is handed the public keys of its tenant's packages."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from core.contracts.calls import ToolAnswer, ToolCall
from core.contracts.package_key import KeyLink
from ingestion.gateway.calls import OpenCalls

_TIMEOUT_MS = 30_000
_ASKED_BY = "the gateway"


async def hand_over(calls: OpenCalls, keys: Sequence[KeyLink]) -> ToolAnswer | None:
    """Ask a bridge to trust them; it takes the first it ever hears of, and later only what that one vouches for.

    Returns:
        Its answer; None if there is nothing to hand over.
    """
    if not keys:
        return None
    arguments = {"keys": [link.model_dump() for link in keys]}
    call = ToolCall(
        id=str(uuid4()), tool="package_trust", arguments=arguments, timeout_ms=_TIMEOUT_MS, asked_by=_ASKED_BY
    )
    return await calls.call(call)
