"""A package on its way to a bridge: one piece a call, each when the one before has been answered.

So there is never more than one piece of it in the database, in the gateway and on the socket, and batches pass by it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any

from core.bridge_calls.errors import BridgeOfflineError, CallFailedError
from core.contracts.package import PIECE_BYTES

Ask = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
_MOST_FAILURES = 6
"""Calls that go wrong one after the other before it is given up; a bridge dials again within seconds."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0


async def carry(packed: bytes, ask: Ask) -> None:
    """Bring all of a package to a bridge, from where it was left; the bridge checks the whole of it afterwards.

    Args:
        packed: the package.
        ask: calls a tool of the bridge.

    Raises:
        BridgeOfflineError: the bridge has no socket, and did not come back.
        CallFailedError: it does not get ahead.
        GoldlayerError: the bridge refuses it, for its size for one.
    """
    whole = {"sha256": sha256(packed).hexdigest(), "bytes": len(packed)}
    have = await _piece(ask, whole, 0, b"")
    failures = 0
    while have < len(packed):
        try:
            reached = await _piece(ask, whole, have, packed[have : have + PIECE_BYTES])
        except (BridgeOfflineError, CallFailedError):
            failures += 1
            if failures >= _MOST_FAILURES:
                raise
            await asyncio.sleep(min(_PAUSE_S * 2**failures, _LONGEST_PAUSE_S))
            continue
        # It may have lost some, when its machine did; from there it goes on, as long as that is not all it does.
        failures = 0 if reached > have else failures + 1
        if failures >= _MOST_FAILURES:
            raise CallFailedError("the bridge does not keep what it is sent", next_step="look at the disk of its home")
        have = reached


async def _piece(ask: Ask, whole: Mapping[str, Any], offset: int, piece: bytes) -> int:
    """Send one piece; how much the bridge has now."""
    answer = await ask("package_piece", {**whole, "offset": offset, "piece": base64.b64encode(piece).decode()})
    have = answer.get("have")
    if not isinstance(have, int) or not 0 <= have <= whole["bytes"]:
        raise CallFailedError("the bridge answered what cannot be read", received=have)
    return have
