"""Limits of servers: the profile's, the site file's, the server's own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from asyncua import ua

from bridge.drivers.opcua.plan import plan_site
from bridge.drivers.opcua.profiles import PROFILES, STANDARD, profile_of, tightened
from bridge.drivers.opcua.subscription import publishing_interval
from bridge.vault import NoSecrets
from core.contracts.device import OpcuaOptions
from core.errors import InputError


def test_the_narrower_of_profile_and_server_counts_and_zero_is_no_limit() -> None:
    says = {"MaxNodesPerRead": 7, "MaxMonitoredItemsPerCall": 100_000, "MaxNodesPerHistoryReadData": 0}
    narrowed = tightened(STANDARD, says)
    assert narrowed == replace(STANDARD, max_nodes_per_read=7)
    assert tightened(STANDARD, {}) == STANDARD


def test_what_a_site_file_says_takes_the_place_of_the_profile() -> None:
    options = OpcuaOptions(
        profile="s7-1500",
        publishing_interval_s=0.5,
        sampling_interval_s=0.05,
        request_timeout_s=3,
        max_items_per_call=11,
        max_nodes_per_read=12,
        max_nodes_per_history_read=13,
        max_paths_per_call=14,
    )
    profile = profile_of(options, "loop")
    assert profile == replace(
        PROFILES["s7-1500"],
        publishing_interval_ms=500.0,
        sampling_interval_ms=50.0,
        request_timeout_s=3,
        max_items_per_call=11,
        max_nodes_per_read=12,
        max_nodes_per_history_read=13,
        max_paths_per_call=14,
    )
    assert profile_of(None, "loop") == STANDARD


@pytest.mark.parametrize(
    ("publishing", "sampling", "most", "size"),
    [(100, 0, 10_000, 10_000), (1000, 10, 10_000, 1000), (1000, 1, 5_000, 5_000), (100, 1000, 10_000, 10)],
)
def test_a_queue_holds_ten_times_what_comes_between_two_publishes(publishing, sampling, most, size) -> None:
    profile = replace(STANDARD, publishing_interval_ms=publishing, sampling_interval_ms=sampling, most_queued=most)
    assert profile.queue_size() == size


@pytest.mark.parametrize(
    ("granted", "interval"),
    [([], 1000), ([(10, 0.0)], 1000), ([(10, 100.0)], 1000), ([(10, 50.0), (5, 100.0)], 500), ([(1, 10.0)], 50)],
)
def test_publishing_comes_before_a_granted_queue_runs_over(granted, interval) -> None:
    made = [ua.MonitoredItemCreateResult(RevisedQueueSize=size, RevisedSamplingInterval=ms) for size, ms in granted]
    assert publishing_interval(1000, made) == interval


@pytest.mark.parametrize(
    ("options", "signals", "told"),
    [
        ({"profile": "none"}, {"flow": {}}, r"no such profile.*standard \| s7-1200.*opcua\.profile"),
        ({"profile": "s7-1200"}, {"flow": {"deadband": {"percent": 1}}}, r"takes no deadband.*p1\.flow"),
        ({"profile": "s7-1200"}, {f"s{n}": {} for n in range(1001)}, "at most 1000.*1001"),
    ],
)
def test_a_site_that_does_not_fit_the_server_is_refused(make_site, options: Any, signals: Any, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        plan_site(make_site("opc.tcp://h:1", signals, opcua=options), NoSecrets())
    where = refusal.value.where or ""
    assert re.search(told, f"{refusal.value} {where}")
