"""A Modbus TCP server that replays a recording: every machine in a block of registers of its own.

A block shows one row: the machine's clock and all its values, so that one read is never torn. The plant moves to the
next step when every block with a new row was read whole; a block whose machine is done stands still. A hole of the
recording is the NaN of `HOLE_FLOAT32_BITS`; a NaN of the recording is the plain quiet NaN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import groupby
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from core.contracts.addresses import ModbusBlock, modbus_blocks
from core.errors import InputError
from core.log import get_logger
from examples.plant.progress import Pace, Progress
from examples.plant.recording import Plant
from examples.plant.registers import Registers, encode
from examples.plant.servable import refuse_own_addresses

_log = get_logger("plant")
_Action = Callable[[int, int, int, int, list[int], list[int] | list[bool] | None], Coroutine[Any, Any, ExcCodes | None]]


class Steps:
    """Which row every machine shows, and which of them have been read."""

    def __init__(self, plant: Plant, pace: Pace) -> None:
        self._plant = plant
        self._pace = pace
        self.step = 0
        self._due = {index for index, _ in plant.at(0)}
        self.readings_served = 0
        self._started = False

    @property
    def over(self) -> bool:
        """The last step was read whole."""
        return not self._due and self.step == self._plant.steps - 1

    @property
    def served(self) -> int:
        """Steps that were read whole."""
        return self.step + (not self._due)

    def advance(self) -> None:
        """Move on if everything on show was read and the pace allows it."""
        if not self._started:
            self._started = True
            self._pace.restart(0)
        if self._due or self.over or self._pace.wait_s(self.step + 1):
            return
        self.step += 1
        self._due = {index for index, _ in self._plant.at(self.step)}

    def row(self, index: int) -> int:
        """Row that a machine shows: its first before its time, its last after it."""
        one = self._plant.units[index]
        return min(max(self.step - one.offset, 0), one.rows - 1)

    def read_whole(self, index: int) -> None:
        """A machine's block went out in one response."""
        if index in self._due:
            self._due.remove(index)
            self.readings_served += len(self._plant.units[index].columns)


class ModbusReplay:
    """Serves a plant on one port.

    Args:
        plant: the rows.
        host: address to listen on.
        port: port to listen on.
        speed: recorded seconds in one second; None means as fast as the blocks are read.

    Raises:
        InputError: the site does not fit Modbus, or the recording has texts.
    """

    def __init__(self, plant: Plant, *, host: str = "127.0.0.1", port: int, speed: float | None = None) -> None:
        self._plant = plant
        self._address = (host, port)
        self.endpoint = f"modbus://{host}:{port}"
        refuse_own_addresses(plant.site)
        self._blocks = modbus_blocks(plant.site)
        self._rows: list[Registers] = [encode(one) for one in plant.units]
        self._steps = Steps(plant, Pace(plant.elapsed_s(), speed))
        self._server: ModbusTcpServer | None = None

    def progress(self) -> Progress:
        """What was read whole."""
        steps = self._steps
        return Progress(self._plant.steps, int(steps.served), self._plant.readings, steps.readings_served, steps.over)

    async def start(self) -> None:
        """Listen.

        Raises:
            InputError: the port is taken.
        """
        server = ModbusTcpServer(self._devices(), address=self._address)
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise InputError(
                "cannot listen", received="address in use", where=self.endpoint, next_step="choose a free port"
            ) from error
        self._server = server
        _log.info("holds until every block is read", action="replay", site=self._plant.site.site)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.shutdown()

    def _devices(self) -> list[SimDevice]:
        numbered = list(enumerate(self._blocks))
        return [
            self._device(device_id, list(members))
            for device_id, members in groupby(numbered, key=lambda pair: pair[1].device_id)
        ]

    def _device(self, device_id: int, members: list[tuple[int, ModbusBlock]]) -> SimDevice:
        simdata = [
            SimData(block.start, count=block.count, values=0, datatype=DataType.REGISTERS, readonly=True)
            for _, block in members
        ]
        starts = [block.start for _, block in members]
        action: _Action = partial(self._on_read, members, starts)
        return SimDevice(id=device_id, simdata=simdata, action=action)

    async def _on_read(
        self,
        members: list[tuple[int, ModbusBlock]],
        starts: list[int],
        function_code: int,  # noqa: ARG002  pymodbus's interface
        start_address: int,
        address: int,
        count: int,
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,  # noqa: ARG002
    ) -> ExcCodes | None:
        """Fill the blocks that a request touches, just before pymodbus answers it."""
        self._steps.advance()
        place = max(0, bisect_left(starts, address + 1) - 1)
        for index, block in members[place:]:
            if block.start >= address + count:
                break
            at = block.start - start_address
            current_registers[at : at + block.count] = self._rows[index][self._steps.row(index)].tolist()
            if address <= block.start and block.start + block.count <= address + count:
                self._steps.read_whole(index)
