"""What can come of a call instead of an answer."""

from __future__ import annotations

from datetime import datetime

from core.errors import TransientError


class BridgeOfflineError(TransientError):
    """Nobody holds a socket of the bridge; it may come back by itself."""

    def __init__(self, bridge_id: str, site: str, last_seen: datetime | None) -> None:
        since = f"since {last_seen.isoformat(timespec='seconds')}" if last_seen else "and was never connected"
        super().__init__(
            f"bridge {bridge_id} of site {site} is offline {since}",
            next_step="ask again when it is back; what it has sent before is in the lake",
        )
        self.last_seen = last_seen


class CallFailedError(TransientError):
    """The bridge was asked, and it went wrong there or on the way."""
