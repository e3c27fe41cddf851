"""What is known about OPC UA servers, as data; every number with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.contracts.device import OpcuaOptions
from core.errors import InputError

_STEPS_QUEUED = 10
"""Publishing intervals that a server's queue should outlast."""


@dataclass(frozen=True, slots=True)
class OpcuaProfile:
    """Limits to keep and wishes to send."""

    publishing_interval_ms: float = 100.0
    sampling_interval_ms: float = 0.0
    """How often the server looks at a value; 0 is as fast as it can."""
    most_queued: int = 10_000
    """Values to let the server queue for one item; one that cannot revises it downwards (Part 4, section 5.13.2)."""
    max_items_per_call: int = 500
    """Below the MaxMonitoredItemsPerCall that embedded servers publish (Part 5, section 6.3.11)."""
    max_items: int | None = None
    """Signals that the server monitors in all."""
    max_nodes_per_read: int = 500
    max_nodes_per_history_read: int = 50
    """Below the usual MaxNodesPerHistoryReadData (Part 5, section 6.3.11)."""
    max_paths_per_call: int = 100
    history_page: int = 1_000
    filters: bool = True
    """The server takes a data change filter: trigger and deadband (Part 4, section 7.22.2)."""
    keepalive_count: int = 10
    """Publishing intervals without news after which the server still answers."""
    lifetime_count: int = 300
    """Publishing intervals after which an orphaned subscription dies; at least three times the keep-alive count
    (Part 4, section 5.14.2)."""
    session_timeout_ms: int = 60_000
    request_timeout_s: float = 20.0
    browse_timeout_s: float = 20.0
    """Translating browse paths takes long on servers that keep no index of names."""
    probe_interval_s: float = 5.0
    refused_again_s: float = 60.0
    """Pause before a node that the server did not know is asked for again."""

    def queue_size(self) -> int:
        """Values that come between two publishes, ten times over."""
        if self.sampling_interval_ms <= 0:
            return self.most_queued
        between = math.ceil(self.publishing_interval_ms / self.sampling_interval_ms)
        return min(max(between, 1) * _STEPS_QUEUED, self.most_queued)


STANDARD = OpcuaProfile()
PROFILES = {
    "standard": STANDARD,
    # Tables of system limits of the manufacturer's OPC UA server for its small controllers, firmware 4.4: 1,000
    # monitored items; Micro Embedded Device 2017, which leaves the data change filter out. Creating more than about
    # a hundred items in a call takes it disproportionately long, and so does translating paths.
    "s7-1200": OpcuaProfile(
        publishing_interval_ms=500.0,
        sampling_interval_ms=500.0,
        most_queued=10,
        max_items_per_call=100,
        max_items=1_000,
        max_nodes_per_read=100,
        max_paths_per_call=10,
        filters=False,
        browse_timeout_s=60.0,
    ),
    # The same tables for the smallest of the large controllers, firmware 3.1: 10,000 monitored items.
    "s7-1500": OpcuaProfile(max_items=10_000, max_paths_per_call=50, browse_timeout_s=60.0),
    # Any device of the Micro Embedded Device profile (Part 7): two subscriptions, queues of two, no filter.
    "micro-embedded": OpcuaProfile(
        publishing_interval_ms=1_000.0,
        sampling_interval_ms=1_000.0,
        most_queued=2,
        max_items_per_call=20,
        max_nodes_per_read=20,
        max_nodes_per_history_read=10,
        max_paths_per_call=5,
        filters=False,
        browse_timeout_s=60.0,
    ),
}

# Fields of a profile by the field of the server's OperationLimits that bounds them (Part 5, section 6.3.11).
LIMITS = {
    "MaxNodesPerRead": "max_nodes_per_read",
    "MaxNodesPerHistoryReadData": "max_nodes_per_history_read",
    "MaxMonitoredItemsPerCall": "max_items_per_call",
    "MaxNodesPerTranslateBrowsePathsToNodeIds": "max_paths_per_call",
}


def profile_of(options: OpcuaOptions | None, where: str) -> OpcuaProfile:
    """The profile a site file names, with what it says otherwise.

    Raises:
        InputError: there is no such profile.
    """
    if options is None:
        return STANDARD
    profile = PROFILES.get(options.profile)
    if profile is None:
        raise InputError(
            "no such profile",
            expected=" | ".join(PROFILES),
            received=options.profile,
            where=f"{where}, opcua.profile",
            next_step="correct the site file",
        )
    said = options.model_dump(
        include={"request_timeout_s", "max_items_per_call", "max_nodes_per_read", "max_nodes_per_history_read",
                 "max_paths_per_call"},
        exclude_none=True,
    )  # fmt: skip
    if options.publishing_interval_s is not None:
        said["publishing_interval_ms"] = 1000 * options.publishing_interval_s
    if options.sampling_interval_s is not None:
        said["sampling_interval_ms"] = 1000 * options.sampling_interval_s
    return replace(profile, **said)


def tightened(profile: OpcuaProfile, limits: Mapping[str, int]) -> OpcuaProfile:
    """The profile within what the server says of itself; a limit of 0 is none."""
    narrower = {
        field: min(getattr(profile, field), limits[name]) for name, field in LIMITS.items() if limits.get(name, 0) > 0
    }
    return replace(profile, **narrower)
