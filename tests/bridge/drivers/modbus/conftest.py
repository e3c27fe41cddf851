"""Real Modbus servers: over TCP, behind a pair of pseudo terminals, and in a process that can be frozen and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from core.contracts.site import SiteFile

READS_OF = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


@dataclass
class Bus:
    """Units with 200 holding and input registers and bits each; register n holds n, odd bits are set.

    Attributes:
        refuse: addresses that a unit refuses, by (unit, address).
        slow: seconds that a unit takes to answer.
        asked: every request as (unit, table, first address, count).
        show: called before an answer with (unit, table, first address) and the words to change.
    """

    units: tuple[int, ...] = (1, 2)
    refuse: dict[tuple[int, int], ExcCodes] = field(default_factory=dict)
    slow: dict[int, float] = field(default_factory=dict)
    asked: list[tuple[int, str, int, int]] = field(default_factory=list)
    show: Callable[[int, int, list[int]], None] | None = None
    server: Any = None

    def devices(self) -> list[SimDevice]:
        def words() -> list[SimData]:
            return [SimData(0, values=list(range(200)), datatype=DataType.REGISTERS)]

        def bits() -> list[SimData]:
            return [SimData(0, values=[n % 2 == 1 for n in range(208)], datatype=DataType.BITS)]

        return [
            SimDevice(id=unit, simdata=(bits(), bits(), words(), words()), action=self._action(unit))
            for unit in self.units
        ]

    def _action(self, unit: int):
        async def action(code: int, start: int, address: int, count: int, current: list[int], values: object):
            if code in READS_OF:
                self.asked.append((unit, READS_OF[code], address, count))
            await asyncio.sleep(self.slow.get(unit, 0))
            if self.show is not None:
                self.show(unit, start, current)
            bad = (self.refuse.get((unit, one)) for one in range(address, address + count))
            return next((code for code in bad if code is not None), None)

        return action

    async def serve(self, port: int, framer: FramerType = FramerType.SOCKET) -> None:
        self.server = ModbusTcpServer(self.devices(), framer=framer, address=("127.0.0.1", port))
        await self.server.serve_forever(background=True)

    async def serve_line(self, line: str) -> None:
        self.server = ModbusSerialServer(self.devices(), port=line, baudrate=19_200)
        await self.server.serve_forever(background=True)

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.shutdown()
            self.server = None


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    """Units; the test says where they are served."""
    one = Bus()
    yield one
    await one.stop()


def words_of(form: str, value: float) -> list[int]:
    """A value as big-endian words."""
    raw = struct.pack(form, value)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


@dataclass
class Wire:
    """Two pseudo terminals with their ends tied together; `late` holds back what the second says, by first byte."""

    ends: tuple[str, str]
    late: dict[int, float] = field(default_factory=dict)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A serial line from one pseudo terminal to another."""
    pairs = [os.openpty() for _ in range(2)]
    for _, slave in pairs:
        tty.setraw(slave)
    one = Wire((os.ttyname(pairs[0][1]), os.ttyname(pairs[1][1])))
    loop = asyncio.get_running_loop()

    def forward(source: int, target: int, held: dict[int, float]) -> None:
        said = os.read(source, 1024)
        loop.call_later(held.get(said[0], 0), os.write, target, said)

    loop.add_reader(pairs[0][0], forward, pairs[0][0], pairs[1][0], {})
    loop.add_reader(pairs[1][0], forward, pairs[1][0], pairs[0][0], one.late)
    yield one
    for master, slave in pairs:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


_SERVER = """
import asyncio, sys
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

async def main():
    block = SimData(0, values=list(range(200)), datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=1, simdata=[block]), address=("127.0.0.1", int(sys.argv[1])))
    await server.serve_forever(background=True)
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Process:
    """A server that can be frozen and killed."""

    port: int
    running: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.running = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self.running.stdout is not None
        assert self.running.stdout.readline() == "up\n"

    def send(self, number: signal.Signals) -> None:
        assert self.running is not None
        self.running.send_signal(number)

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.communicate()
            self.running = None


@pytest.fixture
def process(build) -> Iterator[Process]:
    """A server in a process of its own, not started."""
    one = Process(build.free_port())
    yield one
    one.kill()


def site_of(endpoint: str, *addresses: str, **more: Any) -> SiteFile:
    """A site of one pump with the signals s0, s1, …"""
    signals = [{"name": f"s{n}", "address": one} for n, one in enumerate(addresses)]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "modbus",
            "endpoint": endpoint,
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
            **more,
        }
    )


@pytest.fixture(scope="session")
def make_site() -> Callable[..., SiteFile]:
    """The builder of sites of one pump."""
    return site_of


@pytest.fixture(scope="session")
def as_words() -> Callable[[str, float], list[int]]:
    """A value as big-endian words."""
    return words_of
