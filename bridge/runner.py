"""What any driver needs around it: connecting again, pacing, and a journal write at least every interval."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bridge.backoff import Backoff, wait_for, wait_for_either
from bridge.driver import DeviceLostError, DeviceRefusedError, Driver, Scan, Series
from bridge.recorder import Recorder
from bridge.space import Limit
from bridge.threads import in_thread
from core import clock
from core.log import get_logger

T = TypeVar("T")
_MOST_BUFFERED = 20_000
_SHARE_WAITED = 0.75
"""Of the longest time that a reading may wait: the rest is for writing it."""
_LOOK_S = 5.0
"""Time between two looks at what is only noted, while nothing is read."""
_NAMED = 5
"""Signals that the state of a device names."""
_log = get_logger("bridge")


class _StoppedError(Exception):
    """The bridge is told to stop."""


class _FullError(Exception):
    """There is no room for what a device would say."""


_FIRST_IDLE_S = 0.002
_LONGEST_IDLE_S = 0.25
"""How long a device that is polled without a pause may rest while its clock stands still."""


class Runner:
    """Keeps one driver reading and its readings durable.

    Args:
        driver: complete, not connected.
        endpoint: what it connects to.
        recorder: takes scans, in a thread.
        journaled: set whenever new frames lie in the journal.
        journal_interval_s: longest time a reading waits for its fsync.
        poll_interval_s: time from the start of one round of a polled device to the next.
        longest_pause_s: limit of the pause between two attempts to connect.
        store_max_bytes: size of journal and outbox at which the device is let go until there is room again.
    """

    def __init__(
        self,
        driver: Driver,
        recorder: Recorder,
        journaled: asyncio.Event,
        *,
        endpoint: str = "",
        journal_interval_s: float,
        poll_interval_s: float,
        longest_pause_s: float,
        store_max_bytes: int,
    ) -> None:
        self._driver, self._recorder, self._journaled = driver, recorder, journaled
        self._interval_s, self._poll_s, self._longest_s = journal_interval_s, poll_interval_s, longest_pause_s
        self._buffer: list[Scan] = []
        self._buffered = 0
        self._oldest = 0.0
        self._room, self._fresh = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._told: type[Exception] | None = None
        self._heard: float | None = None
        self._writing = asyncio.Lock()
        self._store = Limit(store_max_bytes)
        self.endpoint = endpoint
        self.connected_since: datetime | None = None
        self.last_reading_s: float | None = None
        """When something new was read last, seconds since the epoch by this machine's clock."""
        self.error: str | None = None
        """Why the device is away; of one that is there, what of it cannot be read."""

    @property
    def connected(self) -> bool:
        """Whether the device is read now."""
        return self.connected_since is not None

    async def read(self, stop: asyncio.Event) -> None:
        """Connect and read until `stop`; a device that goes away is one line, its return another."""
        backoff = Backoff(self._longest_s)
        try:
            while not stop.is_set():
                try:
                    await self.flush()
                    if self._store.full:
                        await wait_for(stop, self._interval_s)
                        continue
                    newest = await in_thread(self._recorder.newest)
                    await _unless(stop, self._driver.connect(newest, self._away_s()))
                    await self._read_on(stop, backoff)
                except _FullError:
                    _log.error("no room for readings, the device is let go", action="stop_reading")
                    self._recorder.stand_still()
                    self.connected_since, self.error = None, "no room for readings"
                    await self._driver.close()
                except (DeviceLostError, DeviceRefusedError) as error:
                    if self._told is not type(error):
                        _log.warning("device is away", action="reconnect", error=str(error))
                        self._told = type(error)
                    self.connected_since, self.error = None, error.sentence()
                    await self._driver.close()
                    await backoff.wait(stop)
        except _StoppedError:
            return
        finally:
            self.connected_since = None
            await self._driver.close()
            await self.flush()

    async def _read_on(self, stop: asyncio.Event, backoff: Backoff) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        known = False
        idle = Backoff(_LONGEST_IDLE_S, first_s=_FIRST_IDLE_S)
        fresh = False
        while not stop.is_set():
            scan = await _unless(stop, self._driver.read())
            backoff.reset()
            self._heard = loop.time()
            rows = scan.rows
            if rows:
                self.last_reading_s = time.time()
            self._tell_connected()
            self.error = _without(scan.left_out)
            fresh = fresh or bool(rows)
            self._take(scan, loop.time())
            await self._room.wait()
            if self._store.full:
                raise _FullError
            if not known and self._driver.clocked:
                # The first round is journaled before the second is read: a gap then has a beginning, always.
                await self.flush()
                known = scan.complete
            if scan.complete:
                # Polled without a pause, a device that stands still is asked less and less often.
                if fresh:
                    idle.reset()
                quiet_s = 0.0 if fresh or not self._driver.clocked else idle.pause_s()
                pause_s = max(began + self._poll_s - loop.time(), quiet_s if not self._poll_s else 0.0)
                if pause_s > 0:
                    await wait_for(stop, pause_s)
                began, fresh = loop.time(), False

    def _away_s(self) -> float:
        """Time since the device was last heard of, by this process or the one before it."""
        if self._heard is not None:
            return asyncio.get_running_loop().time() - self._heard
        before = self._recorder.last_received_us
        return max(time.time() - before / 1_000_000, 0.0) if before is not None else 0.0

    def _tell_connected(self) -> None:
        """A device is back once it is read: one that takes connections and says nothing would come and go for ever."""
        if self.connected_since is None:
            self.connected_since = clock.now()
            _log.info("device connected", action="connect", again=self._told is not None)
            self._told = None

    def _take(self, scan: Scan, now: float) -> None:
        if not self._buffer:
            self._oldest = now
        self._buffer.append(scan)
        self._fresh.set()
        self._buffered += scan.rows
        # While the disk is slower than the device, the device waits: what is read must not pile up in memory.
        if self._buffered >= _MOST_BUFFERED or now - self._oldest > self._interval_s:
            self._room.clear()

    async def write(self, stop: asyncio.Event) -> None:
        """Journal what was read, at least every interval, until `stop`."""
        while not stop.is_set():
            await wait_for_either(stop, self._fresh, _LOOK_S)
            if self._fresh.is_set():
                await wait_for(stop, _SHARE_WAITED * self._interval_s)
            await self.flush()
        await self.flush()

    async def flush(self) -> None:
        """Everything read so far is durable when this returns.

        Raises:
            StoreError: it is not; it is kept for the next attempt.
        """
        async with self._writing:
            scans, self._buffer = self._buffer, []
            taken, self._buffered = self._buffered, 0
            self._fresh.clear()
            try:
                written, size = await in_thread(self._record, scans)
            except BaseException:
                self._buffer = scans + self._buffer
                self._buffered += taken
                self._fresh.set()
                raise
            self._store.look(size)
            self._room.set()
            if written:
                self._journaled.set()

    def _record(self, scans: list[Scan]) -> tuple[int, int]:
        """Rows that were appended, and the size of the database then."""
        return self._recorder.record(scans), self._recorder.database_bytes()


def _without(left_out: Sequence[Series]) -> str | None:
    if not left_out:
        return None
    named = ", ".join(".".join(one) for one in left_out[:_NAMED])
    more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
    return f"cannot be decoded and is left out: {named}{more}"


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Await something, but not beyond `stop`.

    Raises:
        _StoppedError: `stop` came first; the work is cancelled.
    """
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _StoppedError
        return task.result()
    finally:
        task.cancel()
        stopping.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)
