"""What a supervisor runs: a part, how to tell that it is ready, and when it has to go."""

from __future__ import annotations

import asyncio
import http.client
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from core.run.ports import accepts

Probe = Callable[[], Awaitable[bool]]
"""Asked again and again after a part was started; True once the part does its work."""


class StopOrder(IntEnum):
    """Which parts stop first: sources before what drains them; equal ones together. PostgreSQL goes last of all."""

    PLANT = 10
    BRIDGE = 20
    GATEWAY = 30
    SINK = 40
    AGENTS = 50
    DAGSTER = 60


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the installation.

    Attributes:
        name: names its log file, its line in `run.json` and its events.
        argv: program and arguments.
        ready: asked until it says yes.
        stop_order: parts with a lower one are stopped first.
        env: variables beside the supervisor's own.
        stop_signal: how it is asked to stop.
        grace_s: how long it may take to stop before it is killed.
        ready_within_s: how long it may take to become ready.
    """

    name: str
    argv: Sequence[str]
    ready: Probe
    stop_order: int
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0
    ready_within_s: float = 60.0


def started() -> Probe:
    """Ready as soon as it runs: for parts that neither listen nor leave a mark."""

    async def probe() -> bool:
        return True

    return probe


def port_open(port: int, host: str = "127.0.0.1") -> Probe:
    """Ready when it takes connections."""

    async def probe() -> bool:
        return await asyncio.to_thread(accepts, port, host)

    return probe


def http_ok(url: str) -> Probe:
    """Ready when it answers a GET with 200. Plain http only: meant for loopback."""

    async def probe() -> bool:
        return await asyncio.to_thread(_answers, url)

    return probe


def file_exists(path: Path) -> Probe:
    """Ready when it has written a file."""

    async def probe() -> bool:
        return path.exists()

    return probe


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
