"""How this bridge is: devices, outbox, disk, processor, memory; told with every heartbeat and beside it in a file."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bridge.backoff import wait_for
from bridge.config import BridgeConfig
from bridge.in_force import Contracts
from bridge.outbox import backlog, oldest_us
from bridge.service.notify import tell_ready
from bridge.store import Store
from bridge.threads import in_thread
from core import clock
from core.contracts.health import LONGEST_TEXT, BridgeHealth, Device, DriverHealth
from core.contracts.site import SiteFile
from core.errors import InputError

if TYPE_CHECKING:
    from bridge.runner import Runner

FILE = "health.json"
_SHORTEST_LOOK_S = 1.0
"""A shorter time says nothing of the processor."""


def version() -> str:
    """Version of this installation."""
    return metadata.version("goldlayer")


def devices_of(site: SiteFile) -> tuple[Device, ...]:
    """The site's endpoints and what lies behind each."""
    found: list[Device] = []
    for one in site.measured().by_endpoint():
        units = one.units()
        names, signals = tuple(unit.id for unit in units), sum(len(unit.signals) for unit in units)
        found.append(Device(endpoint=one.endpoint or "", equipment=names, signals=signals))
    return tuple(found)


class Monitor:
    """Looks at a running bridge; safe to ask from several tasks.

    Args:
        config: which bridge.
        store: its home.
        runners: one for each of its devices.
        contracts: which contract is in force.
    """

    def __init__(self, config: BridgeConfig, store: Store, runners: Sequence[Runner], contracts: Contracts) -> None:
        self._config, self._runners, self._home = config, runners, store.home
        self._contracts = contracts
        self._connection = store.connect()
        self._asking = asyncio.Lock()
        self._started_at = clock.now()
        self._process = psutil.Process()
        self._looked = time.monotonic(), self._busy_s()
        self._cpu_percent = 0.0

    async def look(self) -> BridgeHealth:
        """How the bridge is now."""
        async with self._asking:
            return await in_thread(self._look)

    async def keep(self, stop: asyncio.Event) -> None:
        """Leave the state in the home folder at every heartbeat, link or not, until `stop`."""
        await in_thread(_write, self._home / FILE, await self.look())
        tell_ready()
        while not await wait_for(stop, self._config.settings.heartbeat_interval_s):
            await in_thread(_write, self._home / FILE, await self.look())

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _look(self) -> BridgeHealth:
        waits, oldest = backlog(self._connection), oldest_us(self._connection)
        contract = self._contracts.current
        return BridgeHealth(
            version=version(),
            started_at=self._started_at,
            contract=f"{contract.version} {contract.sha256[:12]}",
            drivers=tuple(_driver(one) for one in self._runners),
            outbox_batches=waits.batches,
            outbox_rows=waits.rows,
            outbox_bytes=waits.bytes,
            outbox_oldest_s=None if oldest is None else max(clock.now_us() - oldest, 0) / 1e6,
            disk_free_bytes=psutil.disk_usage(str(self._home)).free,
            cpu_percent=self._cpu(),
            memory_bytes=self._process.memory_info().rss,
        )

    def _cpu(self) -> float:
        before, busy = self._looked
        passed = time.monotonic() - before
        if passed >= _SHORTEST_LOOK_S:
            self._looked = time.monotonic(), self._busy_s()
            self._cpu_percent = max(round(100 * (self._looked[1] - busy) / passed, 1), 0.0)
        return self._cpu_percent

    def _busy_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def _driver(runner: Runner) -> DriverHealth:
    heard = runner.last_reading_s
    return DriverHealth(
        endpoint=runner.endpoint[:LONGEST_TEXT],
        connected_since=runner.connected_since,
        last_reading=None if heard is None else datetime.fromtimestamp(heard, UTC),
        error=None if runner.error is None else runner.error[:LONGEST_TEXT],
    )


def _write(path: Path, health: BridgeHealth) -> None:
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.write_text(json.dumps({"at": clock.now().isoformat(), **health.model_dump(mode="json")}), encoding="utf-8")
    fresh.replace(path)


def read_health(home: Path) -> tuple[datetime, BridgeHealth] | None:
    """When a bridge last looked at itself, and what it saw; None if it never did.

    Raises:
        InputError: the file is not one of this version.
    """
    path = home / FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return datetime.fromisoformat(told.pop("at")), BridgeHealth.model_validate_json(json.dumps(told))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError(
            "the bridge's state cannot be read", where=str(path), next_step="it is written anew by a running bridge"
        ) from error
