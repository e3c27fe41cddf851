"""Calls from the platform to a tenant's bridges: a row in the platform database, taken by the gateway with the socket.

Whoever calls writes the row and waits for a notification; the gateway that holds the bridge's socket takes the row,
asks, and writes the answer. Both work under row-level security: a call belongs to a tenant, and so does a bridge.
"""

from core.bridge_calls.calls import BridgeCalls
from core.bridge_calls.desk import CallDesk, TakenCall
from core.bridge_calls.errors import BridgeOfflineError, CallFailedError
from core.bridge_calls.routing import Place, route
from core.bridge_calls.site import SiteAnswer, SiteReader

__all__ = [
    "BridgeCalls",
    "BridgeOfflineError",
    "CallDesk",
    "CallFailedError",
    "Place",
    "SiteAnswer",
    "SiteReader",
    "TakenCall",
    "route",
]
