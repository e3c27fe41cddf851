"""Modbus TCP: polls every machine round and round; a machine whose clock stands still costs no sample."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse

from bridge.driver import DeviceLostError, DeviceRefusedError, Repeat, Scan, Series
from bridge.drivers.modbus.decode import samples_of
from bridge.drivers.modbus.plan import CLOCK, Machine, Read, plan_reads
from bridge.drivers.modbus.profiles import EXCEPTIONS, STANDARD, UNKNOWN_EXCEPTION, ExceptionMeaning, ModbusProfile
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError
from core.log import get_logger

_SLICE_S = 0.05
"""A round of many machines is handed over in pieces of this length, so that no reading waits for the last one."""
_log = get_logger("bridge")


class _Refusal(Exception):
    """The device answered a read with an exception response."""

    def __init__(self, meaning: ExceptionMeaning) -> None:
        super().__init__(meaning.name)
        self.meaning = meaning


class ModbusDriver:
    """Driver of one Modbus TCP endpoint."""

    clocked = True

    def __init__(
        self,
        host: str,
        port: int,
        machines: list[Machine],
        profile: ModbusProfile = STANDARD,
        writable: Collection[Series] = (),
    ) -> None:
        self._host, self._port, self._profile = host, port, profile
        self._machines = machines
        self._by_id = {machine.equipment_id: machine for machine in machines}
        self._writable = frozenset(writable)
        self._client: AsyncModbusTcpClient | None = None
        self._next = 0
        self._last: dict[str, list[list[int]]] = {}
        self._refused: dict[str, str] = {}
        # The library logs every lost connection; the runner says it once, in one line.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

    @classmethod
    def of_site(cls, site: SiteFile) -> Self:
        """The driver of a site file.

        Raises:
            InputError: endpoint or an address is missing or malformed.
        """
        parts = urlsplit(site.endpoint or "")
        try:
            host, port = parts.hostname, parts.port or 502
        except ValueError:
            host, port = None, 0
        if parts.scheme != "modbus" or not host:
            raise InputError(
                "endpoint cannot be read", expected="modbus://HOST[:PORT]", received=site.endpoint, where=site.site
            )
        return cls(host, port, plan_reads(site, STANDARD.max_registers))

    @property
    def _where(self) -> str:
        return f"modbus://{self._host}:{self._port}"

    async def connect(self, newest: Mapping[Series, int]) -> None:
        """Open the connection. Registers have no history: `newest` is not needed."""
        del newest
        await self.close()
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            timeout=self._profile.request_timeout_s,
            retries=self._profile.retries,
            reconnect_delay=0,
        )
        if not await client.connect():
            client.close()
            raise DeviceLostError("device cannot be reached", where=self._where)
        self._client, self._next = client, 0
        self._last.clear()

    async def read(self) -> Scan:
        """A slice of a round through all machines."""
        samples: list[Sample] = []
        repeats: list[Repeat] = []
        until = time.monotonic() + _SLICE_S
        while self._next < len(self._machines):
            machine = self._machines[self._next]
            try:
                words = [await self._words(read) for read in machine.reads]
            except _Refusal as refusal:
                samples.extend(self._refusal(machine, refusal.meaning))
            else:
                self._take(machine, words, samples, repeats)
            self._next += 1
            if time.monotonic() >= until:
                break
        complete = self._next >= len(self._machines)
        self._next = 0 if complete else self._next
        return Scan(samples, repeats, complete)

    async def _words(self, read: Read) -> list[int]:
        client = self._client
        if client is None:
            raise DeviceLostError("not connected", where=self._where)
        ask = client.read_holding_registers if read.table == "holding" else client.read_input_registers
        try:
            answer = await ask(read.start, count=read.layout.count, device_id=read.device_id)
        except (ModbusException, OSError) as error:
            raise DeviceLostError("device does not answer", received=str(error), where=self._where) from error
        if isinstance(answer, ExceptionResponse):
            raise _Refusal(EXCEPTIONS.get(answer.exception_code, UNKNOWN_EXCEPTION))
        if answer.isError() or len(answer.registers) != read.layout.count:
            raise DeviceLostError("device answers with a broken frame", received=str(answer), where=self._where)
        return list(answer.registers)

    def _take(self, machine: Machine, words: list[list[int]], samples: list[Sample], repeats: list[Repeat]) -> None:
        self._refused.pop(machine.equipment_id, None)
        ts_us = time.time_ns() // 1000
        if machine.clocked:
            first = machine.reads[0].layout
            clock = next(place for place, field in enumerate(first.fields) if field.signal == CLOCK)
            ts_us = int(first.decode(words[0])[clock])
            if self._last.get(machine.equipment_id) == words:
                repeats.append(Repeat(machine.equipment_id, ts_us))
                return
            self._last[machine.equipment_id] = words
        for read, registers in zip(machine.reads, words, strict=True):
            values = read.layout.decode(registers)
            samples.extend(samples_of(machine.equipment_id, read.layout, registers, values, ts_us))

    def _refusal(self, machine: Machine, meaning: ExceptionMeaning) -> list[Sample]:
        """One Bad sample a signal when a machine begins to be refused, silence while it lasts."""
        if self._refused.get(machine.equipment_id) == meaning.name:
            return []
        self._refused[machine.equipment_id] = meaning.name
        self._last.pop(machine.equipment_id, None)
        _log.warning(
            "device refuses a read",
            action="read",
            device=self._where,
            equipment=machine.equipment_id,
            code=meaning.name,
        )
        now = time.time_ns() // 1000
        return [Sample(machine.equipment_id, name, now, None, None, meaning.quality) for name in machine.signals]

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        """Write one holding register value of an allowed signal."""
        if (equipment_id, signal) not in self._writable:
            raise DeniedError("signal may not be written", received=f"{equipment_id}.{signal}", where=self._where)
        client, address = self._client, self._by_id[equipment_id].signals[signal]
        if client is None:
            raise DeviceLostError("not connected", where=self._where)
        kind = client.DATATYPE[address.type.upper()]
        words = client.convert_to_registers(value if address.type.startswith("float") else int(value), kind)
        try:
            answer = await client.write_registers(address.register, words, device_id=address.device_id)
        except (ModbusException, OSError) as error:
            raise DeviceLostError("device does not answer", received=str(error), where=self._where) from error
        if isinstance(answer, ExceptionResponse):
            meaning = EXCEPTIONS.get(answer.exception_code, UNKNOWN_EXCEPTION)
            raise DeviceRefusedError("device refuses the write", received=meaning.name, where=self._where)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
