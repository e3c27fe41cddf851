"""Who watches an OPC UA plant, and how many more values fit into their queues.

asyncua's server has no public view of its subscriptions' queues, so this file, alone, reads its internals
(`InternalSubscription`, asyncua 2.1).
"""

# The library offers no other view of its queues.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from asyncua import ua
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.server import Server

_MOST_PENDING = 4_000
"""Values that may wait in one subscription: keeps a single publish response small whatever queue a client asks for."""


class Watchers:
    """Subscriptions of connected clients on the plant's signals.

    A session outlives its connection (OPC UA Part 4, section 6.7), so a subscription whose client has gone does not
    count: nobody would empty its queues.

    Args:
        server: the running server.
        nodes: node ids of every signal of the site.
    """

    def __init__(self, server: Server, nodes: list[ua.NodeId]) -> None:
        self._subscriptions: dict[int, InternalSubscription] = server.iserver.subscription_service.subscriptions
        self._service = server.iserver.subscription_service
        self._nodes = frozenset(nodes)
        self._steps_at_most = max(10, _MOST_PENDING // max(1, len(nodes)))
        self._seen: tuple[tuple[int, int], ...] = ()
        self._covered = False

    def cover_everything(self) -> bool:
        """True if connected clients subscribe to every signal."""
        live = self._live()
        seen = tuple((sub.data.SubscriptionId, len(sub.monitored_item_srv._monitored_items)) for sub in live)
        if seen != self._seen:
            self._seen = seen
            watched = {
                item.read_value_id.NodeId
                for sub in live
                for item in sub.monitored_item_srv._monitored_items.values()
                if item.read_value_id is not None and item.mode != ua.MonitoringMode.Disabled
            }
            self._covered = self._nodes <= watched
        return self._covered

    def room(self) -> int:
        """Steps that fit into the fullest queue of any connected subscription."""
        room = self._steps_at_most
        for sub in self._live():
            queues = sub._triggered_datachanges
            for mid, item in sub.monitored_item_srv._monitored_items.items():
                held = len(queues.get(mid, ()))
                size = item.queue_size or self._steps_at_most
                room = min(room, size - held, self._steps_at_most - held)
        return room

    def pending(self) -> int:
        """Steps that wait in the fullest queue of any connected subscription."""
        return max((len(queue) for sub in self._live() for queue in sub._triggered_datachanges.values()), default=0)

    async def forget_the_gone(self) -> None:
        """End subscriptions whose client has gone, once others watch everything."""
        live = {sub.data.SubscriptionId for sub in self._live()}
        gone = [number for number in self._subscriptions if number not in live]
        if gone:
            await self._service.delete_subscriptions(gone)

    def _live(self) -> list[InternalSubscription]:
        return [sub for sub in self._subscriptions.values() if not _is_closing(sub)]


def _is_closing(sub: InternalSubscription) -> bool:
    processor = getattr(sub.pub_result_callback, "__self__", None)
    return bool(getattr(processor, "_closing", False))
