"""What is known about OPC UA servers, as data; every number with its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpcuaProfile:
    """Limits to keep and wishes to send."""

    publishing_interval_ms: float
    queue_size: int
    """Values the server may queue for one item between two publishes."""
    max_items_per_call: int
    max_nodes_per_history_read: int
    history_page: int
    keepalive_count: int
    """Publishing intervals without news after which the server still answers."""
    lifetime_count: int
    """Publishing intervals after which an orphaned subscription dies."""
    session_timeout_ms: int
    request_timeout_s: float
    probe_interval_s: float


STANDARD = OpcuaProfile(
    publishing_interval_ms=100.0,
    queue_size=10_000,  # a server that cannot revises it downwards (OPC UA Part 4, section 5.13.2)
    max_items_per_call=500,  # below the MaxMonitoredItemsPerCall that embedded servers publish (Part 5, section 6.3.11)
    max_nodes_per_history_read=50,  # below the usual MaxNodesPerHistoryReadData (Part 5, section 6.3.11)
    history_page=1_000,
    keepalive_count=10,
    lifetime_count=300,  # at least three times the keep-alive count (Part 4, section 5.14.2)
    session_timeout_ms=60_000,
    request_timeout_s=20.0,
    probe_interval_s=5.0,
)
