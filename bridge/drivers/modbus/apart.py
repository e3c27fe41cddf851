"""Slow units on connections of their own, where the device takes several: nobody waits for them there.

A serial line has one bus, also behind a TCP port (`modbus-rtu://`): there a slow unit has its share of the line and no
more. A unit that went apart keeps that share: behind a gateway may be such a bus after all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bridge.driver import DeviceLostError
from bridge.drivers.modbus.link import Endpoint, Link
from bridge.drivers.modbus.profiles import ModbusProfile
from core.log import get_logger

_BLAMED_S = 10.0
"""A connection that breaks so soon after another was opened, or a request later, broke because of it."""
_log = get_logger("bridge")
Visit = Callable[[int], Awaitable[None]]


class Apart:
    """Units that went apart, the connections they have, and their rounds.

    Args:
        endpoint: of all units.
        profile: says how many connections there may be.
        visit: one round of a unit.
    """

    def __init__(self, endpoint: Endpoint, profile: ModbusProfile, visit: Visit) -> None:
        self._endpoint, self._profile, self._visit = endpoint, profile, visit
        self._most = 0 if endpoint.rtu else profile.max_connections - 1
        self._links: dict[int, Link | None] = {}
        self._rounds: dict[int, asyncio.Task[None]] = {}
        self._not_before: dict[int, float] = {}
        self._opened = float("-inf")
        self.failure: DeviceLostError | None = None
        """Why a round ended that is no matter of its own connection."""

    @property
    def units(self) -> frozenset[int]:
        """Who went apart."""
        return frozenset(self._links)

    def link_of(self, device_id: int) -> Link | None:
        """The connection of a unit that has one of its own."""
        return self._links.get(device_id)

    def take(self, device_id: int) -> None:
        """A unit is slow: from its next round on it is asked apart, if there may be one more connection."""
        now = time.monotonic()
        if device_id in self._links or len(self._links) >= self._most or now < self._not_before.get(device_id, now):
            return
        self._links[device_id] = None
        _log.info("slow unit has a connection of its own", action="read", device=self._endpoint.text, unit=device_id)

    def spur(self) -> None:
        """Begin a round of every unit that is not on one."""
        for device_id in self._links:
            running = self._rounds.get(device_id)
            if running is None or running.done():
                self._rounds[device_id] = asyncio.create_task(self._round(device_id), name=f"unit {device_id}")

    async def _round(self, device_id: int) -> None:
        try:
            if self._links[device_id] is None:
                link = Link(self._endpoint, self._profile.request_timeout_s)
                await link.open()
                self._links[device_id], self._opened = link, time.monotonic()
            await self._visit(device_id)
        except DeviceLostError as error:
            link = self._links.get(device_id)
            if link is not None and link.connected:
                self.failure = error
            else:
                self._back(device_id, error)

    def _back(self, device_id: int, error: DeviceLostError) -> None:
        """The device does not keep this connection: the unit is asked over the shared one again."""
        link = self._links.pop(device_id, None)
        if link is not None:
            link.close()
        self._not_before[device_id] = time.monotonic() + self._profile.rejoin_after_s
        _log.warning("device keeps no second connection, the unit has its share of the first", action="read",
                     device=self._endpoint.text, unit=device_id, error=str(error))  # fmt: skip

    def first_broke(self) -> None:
        """The shared connection is gone; if that came of a second one, there will be none any more."""
        soon_s = _BLAMED_S + self._profile.request_timeout_s
        if self._links and time.monotonic() - self._opened < soon_s:
            self._most = 0
            _log.warning("device takes one connection only", action="read", device=self._endpoint.text)

    async def close(self) -> None:
        """Hang up; whoever is slow shows again."""
        rounds, self._rounds = list(self._rounds.values()), {}
        for task in rounds:
            task.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)
        links, self._links = self._links, {}
        for link in links.values():
            if link is not None:
                link.close()
        self.failure = None
