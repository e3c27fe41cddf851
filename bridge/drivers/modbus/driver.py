"""Modbus over TCP or a serial line: polls round and round; a machine whose clock stands still costs no sample.

A read that is refused falls into parts, so that one bad register names itself and its neighbours stay good. A unit
that is slow or keeps silent is asked over a connection of its own and left alone for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Self

from bridge.driver import DeviceLostError, DeviceRefusedError, Repeat, Scan, Series
from bridge.drivers.modbus.address import BIT
from bridge.drivers.modbus.apart import Apart
from bridge.drivers.modbus.decode import Point, encode
from bridge.drivers.modbus.link import Endpoint, Link, Refusal
from bridge.drivers.modbus.plan import Poll, Read, parts_of, plan_polls, read_of
from bridge.drivers.modbus.profiles import GONE, SILENT, STANDARD, Meaning, ModbusProfile, profile_of
from bridge.drivers.modbus.standing import Standing, Taken
from bridge.drivers.modbus.units import Units
from core.contracts.quality import GOOD, UNCERTAIN
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError
from core.log import get_logger

_SLICE_S = 0.05
"""A round of many machines is handed over in pieces of this length, so that no reading waits for the last one."""
_TRIES = 3
"""How often values are read again because the machine's clock moved on between two reads."""
_LAST_SERIAL_UNIT = 247
_log = get_logger("bridge")


class ModbusDriver:
    """Driver of one Modbus endpoint."""

    clocked = True

    def __init__(
        self,
        endpoint: Endpoint,
        polls: Sequence[Poll],
        profile: ModbusProfile = STANDARD,
        writable: Collection[Series] = (),
    ) -> None:
        self.endpoint, self._profile, self.polls = endpoint, profile, polls
        self._points: dict[Series, Point] = {point.series: point for poll in polls for point in poll.points}
        self._writable = frozenset(writable)
        self._link: Link | None = None
        self._apart = Apart(endpoint, profile, self._visit_unit)
        self._next = 0
        self._start_anew()

    def _start_anew(self) -> None:
        ids = [read.device_id for poll in self.polls for read in poll.reads]
        self._units = Units(ids, self._profile)
        self._standing = [Standing(poll, self._profile.rejoin_after_s) for poll in self.polls]
        self._next = 0
        self._failure: DeviceLostError | None = None
        self._samples: list[Sample] = []
        self._repeats: list[Repeat] = []
        self._unfilled = frozenset(poll.clock.equipment_id for poll in self.polls if poll.clock is not None)

    @classmethod
    def of_site(cls, site: SiteFile, writable: Collection[Series] = ()) -> Self:
        """The driver of a site file.

        Raises:
            InputError: endpoint or an address is missing or malformed.
        """
        endpoint = Endpoint.of_text(site.endpoint, site.modbus.serial if site.modbus else None, site.site)
        profile = profile_of(site.modbus)
        polls = plan_polls(site, profile)
        for point in (point for poll in polls for point in poll.points):
            if endpoint.rtu and not 1 <= point.address.device_id <= _LAST_SERIAL_UNIT:
                raise InputError(
                    "no such unit on a serial line",
                    expected=f"a device from 1 to {_LAST_SERIAL_UNIT}",
                    received=str(point.address),
                    where=f"{site.site}, {point.equipment_id}.{point.signal}",
                )
        return cls(endpoint, polls, profile, writable)

    @property
    def _where(self) -> str:
        return self.endpoint.text

    async def connect(self, newest: Mapping[Series, int], away_s: float) -> None:
        """Open the connection. Registers have no history: nothing of what was before is needed."""
        del newest, away_s
        await self.close()
        link = Link(self.endpoint, self._profile.request_timeout_s)
        await link.open()
        self._link = link
        self._start_anew()

    async def read(self) -> Scan:
        """A slice of a round through all polls."""
        if self._failure is not None:
            raise self._failure
        if self._next == 0:
            self._apart.spur()
        until = time.monotonic() + _SLICE_S
        try:
            while self._next < len(self._standing):
                standing = self._standing[self._next]
                if self._lane(standing) is None:
                    await self._visit(standing)
                self._next += 1
                if time.monotonic() >= until:
                    break
            if self._apart.failure is not None:
                raise self._apart.failure
        except DeviceLostError as error:
            self._apart.first_broke()
            return self._last_scan(error)
        complete = self._next >= len(self._standing)
        self._next = 0 if complete else self._next
        return self._scan(*self._handed_over(), complete=complete)

    def _lane(self, standing: Standing) -> int | None:
        """The unit that went apart and takes this poll along; None if it goes over the shared connection."""
        units = self._apart.units
        return (
            next((read.device_id for read in standing.poll.reads if read.device_id in units), None) if units else None
        )

    async def _visit_unit(self, device_id: int) -> None:
        """A round of what a unit took along when it went apart; what comes of it goes out with the next scan."""
        for standing in self._standing:
            if self._lane(standing) == device_id:
                await self._visit(standing)

    def _handed_over(self) -> tuple[list[Sample], list[Repeat]]:
        samples, repeats, self._samples, self._repeats = self._samples, self._repeats, [], []
        return samples, repeats

    def _last_scan(self, error: DeviceLostError) -> Scan:
        """What was read before the connection broke. The gap of a machine with a clock is told by its clock."""
        self._failure = error
        samples, repeats = self._handed_over()
        for standing in self._standing:
            if standing.poll.clock is None:
                samples.extend(standing.refuse(standing.reads, GONE))
        if not samples and not repeats:
            raise error
        return self._scan(samples, repeats)

    def _scan(self, samples: list[Sample], repeats: list[Repeat], *, complete: bool = False) -> Scan:
        unfilled, self._unfilled = self._unfilled, frozenset()
        return Scan(samples, repeats, complete, unfilled)

    async def _visit(self, standing: Standing) -> None:
        taken, refused = await self._ask_all(standing)
        for _ in range(_TRIES):
            if not await self._torn(standing, taken):
                break
            taken, refused = await self._ask_all(standing)
        for read, meaning in refused:
            if not meaning.of_path and not standing.knows(read, meaning):
                self._tell(read, meaning)
            self._samples.extend(standing.refuse([read], meaning))
        made, repeat = standing.accept(taken)
        self._samples.extend(made)
        if repeat is not None:
            self._repeats.append(repeat)

    async def _ask_all(self, standing: Standing) -> tuple[Taken, list[tuple[Read, Meaning]]]:
        """Ask every read of a poll, apart where it is refused as a whole."""
        waiting = deque(standing.due(time.monotonic()))
        kept: list[Read] = []
        taken: Taken = []
        refused: list[tuple[Read, Meaning]] = []
        while waiting:
            read = waiting.popleft()
            try:
                if not self._units.resting(read.device_id, time.monotonic()):
                    taken.append((read, await self._ask(read)))
                elif self._units.is_silent(read.device_id):
                    refused.append((read, SILENT))
            except Refusal as refusal:
                if refusal.meaning.of_address and len(read.points) > 1:
                    waiting.extendleft(reversed(parts_of(read)))
                    continue
                refused.append((read, refusal.meaning))
            kept.append(read)
        standing.keep(kept, time.monotonic())
        return taken, refused

    async def _torn(self, standing: Standing, taken: Taken) -> bool:
        """True if the machine's clock moved on while its values were read one after the other."""
        if standing.poll.clock is None or len(taken) < 2:
            return False
        shown = standing.clock_of(taken)
        first = next((read for read, _ in taken if standing.poll.clock in read.points), None)
        if first is None:
            return False
        try:
            return standing.clock_of([(first, await self._ask(first))]) != shown
        except Refusal:
            return False

    async def _ask(self, read: Read) -> list[int]:
        link = self._link_to(read.device_id)
        began = time.monotonic()
        try:
            words = await link.ask(read)
        except Refusal as refusal:
            self._take_refusal(read.device_id, refusal.meaning, began)
            raise
        now = time.monotonic()
        self._judge(read.device_id, now - began)
        if self._units.answered(read.device_id, now - began, now):
            _log.info("unit answers again", action="read", device=self._where, unit=read.device_id)
        return words

    def _link_to(self, device_id: int) -> Link:
        link = self._apart.link_of(device_id) or self._link
        if link is None:
            raise DeviceLostError("not connected", where=self._where)
        return link

    def _judge(self, device_id: int, took_s: float) -> None:
        """Others must not wait a second time for a unit that took long."""
        if took_s > min(self._profile.slow_answer_s, self._profile.request_timeout_s / 2) and self._units.several:
            self._apart.take(device_id)

    def _take_refusal(self, device_id: int, meaning: Meaning, began: float) -> None:
        now = time.monotonic()
        self._judge(device_id, self._profile.request_timeout_s if meaning is SILENT else now - began)
        if not meaning.of_path:
            self._units.answered(device_id, now - began, now)
            return
        known = self._units.is_silent(device_id)
        self._units.silent(device_id, now)
        if self._units.nobody_answers:
            raise DeviceLostError("device does not answer", received=meaning.name, where=self._where)
        if not known:
            _log.warning("unit does not answer", action="read", device=self._where, unit=device_id, code=meaning.name)

    def _tell(self, read: Read, meaning: Meaning) -> None:
        first = read.points[0]
        _log.warning(
            "device refuses a read",
            action="read",
            device=self._where,
            unit=read.device_id,
            equipment=first.equipment_id,
            signal=first.signal or "clock",
            address=str(first.address),
            signals=len(read.points),
            code=meaning.name,
        )

    async def sample(self, equipment_id: str, signal: str) -> Sample:
        """Read the registers of one signal, and of its machine's clock if it has one."""
        series = (equipment_id, signal)
        poll = next(poll for poll in self.polls if any(point.series == series for point in poll.points))
        link = self._link_to(self._points[series].address.device_id)
        reads = [read_of([point]) for point in (self._points[series], poll.clock) if point is not None]
        try:
            # Whole, even if nobody waits any more: an answer that comes late would be taken for the next one's.
            taken: Taken = await asyncio.shield(asyncio.ensure_future(_ask_each(link, reads)))
        except Refusal as refusal:
            kind = DeviceLostError if refusal.meaning.of_path else DeviceRefusedError
            where = f"{self._where}, {equipment_id}.{signal}"
            raise kind("device refuses the read", received=refusal.meaning.name, where=where) from refusal
        shown = Standing(poll, self._profile.rejoin_after_s).clock_of(taken)
        quality = UNCERTAIN if poll.clock is not None and shown is None else GOOD
        ts_us = shown if shown is not None else time.time_ns() // 1000
        return taken[0][0].layout.samples(taken[0][1], ts_us, quality)[0]

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        """Write the holding register or coil of an allowed signal."""
        where = f"{self._where}, {equipment_id}.{signal}"
        if (equipment_id, signal) not in self._writable:
            raise DeniedError("signal may not be written", received=f"{equipment_id}.{signal}", where=self._where)
        point = self._points[equipment_id, signal]
        address = point.address
        if address.table not in ("holding", "coil") or address.bits or address.type.startswith("string"):
            raise DeviceRefusedError(
                "this cannot be written",
                expected="a number in holding registers, or a coil",
                received=str(address),
                where=where,
            )
        link = self._link_to(address.device_id)
        try:
            words = [int(value != 0)] if address.type == BIT else encode(value, address, point.scaling)
            await link.tell(address, words)
        except ValueError as error:
            raise DeviceRefusedError(
                "value does not fit the register", expected=address.type, received=value, where=where
            ) from error
        except Refusal as refusal:
            raise DeviceRefusedError(
                "device refuses the write", received=refusal.meaning.name, where=where
            ) from refusal

    async def close(self) -> None:
        """Close every connection."""
        await self._apart.close()
        link, self._link = self._link, None
        if link is not None:
            link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _ask_each(link: Link, reads: Sequence[Read]) -> Taken:
    return [(read, await link.ask(read)) for read in reads]
