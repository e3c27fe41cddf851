"""Planned Modbus reads against one request a signal: how many requests a round takes, and how long it lasts.

Both read the same 400 signals of a device in a process of its own: forty blocks of ten values, with holes of three
registers between blocks and of sixty after every tenth block.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.claim import Claim, alternating
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.plan import Poll, read_of
from core.contracts.site import SiteFile
from core.log import configure

REQUESTS_TARGET, TIME_TARGET = 0.05, 0.1
BLOCKS, VALUES, HOLE, WIDE_HOLE = 40, 10, 3, 60
PAIRS, ROUNDS = 5, 3
_SERVER = """
import asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

async def main():
    block = SimData(0, values=[7] * 2000, datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=1, simdata=[block]), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def _site(port: int) -> SiteFile:
    signals: list[dict[str, str]] = []
    register = 0
    for block in range(BLOCKS):
        for value in range(VALUES):
            signals.append({"name": f"s{block}_{value}", "address": f"1/holding/{register}/float32"})
            register += 2
        register += WIDE_HOLE if block % 10 == 9 else HOLE
    return SiteFile.model_validate(
        {
            "tenant": "bench-co",
            "site": "bench",
            "protocol": "modbus",
            "endpoint": f"modbus://127.0.0.1:{port}",
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
        }
    )


async def _round(driver: ModbusDriver) -> int:
    read = 0
    while True:
        scan = await driver.read()
        read += len(scan.samples)
        if scan.complete:
            return read


def _one_each(polls: Sequence[Poll]) -> list[Poll]:
    return [replace(poll, reads=(read_of([point]),)) for poll in polls for point in poll.points]


async def _measure(port: int) -> list[Claim]:
    planned = ModbusDriver.of_site(_site(port))
    polls = planned.polls
    alone = ModbusDriver(planned.endpoint, _one_each(polls))
    requests, signals = sum(len(poll.reads) for poll in polls), BLOCKS * VALUES
    async with planned, alone:
        await planned.connect({}, 0)
        await alone.connect({}, 0)
        if await _round(planned) != signals or await _round(alone) != signals:
            raise SystemExit("the device did not serve every signal")
        time = await alternating(
            "modbus round",
            lambda: _round(planned),
            lambda: _round(alone),
            target=TIME_TARGET,
            pairs=PAIRS,
            calls=ROUNDS,
        )
    ratio = requests / signals
    count = Claim(
        "modbus requests", "ratio", requests, signals, round(ratio, 4), REQUESTS_TARGET, ratio <= REQUESTS_TARGET
    )
    return [count, time]


def claims() -> list[dict[str, object]]:
    """Requests and seconds of a round, planned against one request a signal."""
    configure()
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            made = asyncio.run(_measure(int(server.stdout.readline())))
        finally:
            server.kill()
    print(f"{BLOCKS * VALUES} signals, pymodbus server in a process of its own, {PAIRS} pairs of {ROUNDS} rounds")
    return [claim.as_dict() for claim in made]
