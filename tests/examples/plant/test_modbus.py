from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from pymodbus.client import AsyncModbusTcpClient

from core.contracts.addresses import HOLE_FLOAT32_BITS, ModbusBlock, modbus_blocks
from core.contracts.site import SiteFile, load_site
from core.errors import InputError
from examples.plant.modbus import ModbusReplay
from examples.plant.recording import Plant, read_recording
from examples.plant.registers import encode

pytestmark = pytest.mark.integration
_SITES = Path(__file__).parents[3] / "examples" / "sites"
_CLOCK = {"every_s": 60, "start": "2024-01-01T00:00:00Z"}
_RULES = {"delimiter": "whitespace", "header": False, "unit_column": 0, "timestamp": _CLOCK}
_STEPS = 50
"""Beyond the end of the engine with the shortest recording."""
_START_US = 1_704_067_200_000_000


def _fleet(last: str) -> list[dict[str, object]]:
    return [{"id": f"m-[01..{last}]", "type": "machine", "signals": [{"name": "a", "column": 1}]}]


@asynccontextmanager
async def _replay(plant: Plant, port: int, speed: float | None = None) -> AsyncIterator[ModbusReplay]:
    replay = ModbusReplay(plant, port=port, speed=speed)
    await replay.start()
    try:
        yield replay
    finally:
        await replay.stop()


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    try:
        yield client
    finally:
        client.close()


async def _read(client: AsyncModbusTcpClient, block: ModbusBlock) -> tuple[int, list[float], list[int]]:
    answer = await client.read_holding_registers(block.start, count=block.count, device_id=block.device_id)
    assert not answer.isError()
    raw = struct.pack(f">{block.count}H", *answer.registers)
    count = (block.count - 4) // 2
    return (
        struct.unpack_from(">q", raw)[0],
        list(struct.unpack_from(f">{count}f", raw, 8)),
        list(struct.unpack_from(f">{count}I", raw, 8)),
    )


def _site(write_site, text: str, last: str = "02") -> SiteFile:
    return write_site(text, _RULES, _fleet(last), protocol="modbus")


async def test_every_row_of_a_hundred_engines_is_served_untorn(free_port: int) -> None:
    site, _ = load_site(_SITES / "turbofan.yaml")
    plant = read_recording(site, _SITES)
    blocks = modbus_blocks(site)
    seen: list[dict[int, list[float]]] = [{} for _ in blocks]
    async with _replay(plant, free_port) as replay, _client(free_port) as client:
        while replay.progress().steps_served < _STEPS:
            for index, block in enumerate(blocks):
                clock, values, _ = await _read(client, block)
                assert seen[index].setdefault(clock, values) == values
        assert replay.progress().readings_served == int(plant.readings_by_step()[:_STEPS].sum())
    for one, rows in zip(plant.units, seen, strict=True):
        wanted = np.stack([column.numbers for column in one.columns.values()], axis=1).astype(np.float32)
        assert list(rows) == one.ts_us[:_STEPS].tolist()
        assert np.array_equal(np.array(list(rows.values()), dtype=np.float32), wanted[:_STEPS])


async def test_it_waits_for_every_block_with_a_new_row_and_only_for_those(
    write_site, tmp_path: Path, free_port: int
) -> None:
    site = _site(write_site, "1 10\n1 11\n1 12\n2 20\n")
    first, second = modbus_blocks(site)
    async with _replay(read_recording(site, tmp_path), free_port) as replay, _client(free_port) as client:
        for _ in range(3):
            assert (await _read(client, first))[:2] == (_START_US, [10.0])
        assert replay.progress().steps_served == 0
        assert (await _read(client, second))[1] == [20.0]
        assert replay.progress().steps_served == 1
        assert (await _read(client, first))[:2] == (_START_US + 60_000_000, [11.0])
        assert (await _read(client, first))[1] == [12.0]
        assert replay.progress().done
        assert (await _read(client, second))[:2] == (_START_US, [20.0])
        assert (await _read(client, first))[:2] == (_START_US + 120_000_000, [12.0])


async def test_part_of_a_block_does_not_move_the_plant(write_site, tmp_path: Path, free_port: int) -> None:
    site = _site(write_site, "1 10\n1 11\n", "01")
    (block,) = modbus_blocks(site)
    async with _replay(read_recording(site, tmp_path), free_port) as replay, _client(free_port) as client:
        for _ in range(3):
            answer = await client.read_holding_registers(block.start, count=4, device_id=1)
            assert struct.unpack(">q", struct.pack(">4H", *answer.registers))[0] == _START_US
        assert replay.progress().steps_served == 0


async def test_holes_and_literals_have_bits_of_their_own(write_site, tmp_path: Path, free_port: int) -> None:
    site = write_site(
        "u,a\n1,\n1,nan\n1,-inf\n1,1e300\n",
        {"unit_column": "u", "timestamp": _CLOCK},
        [{"id": "m-[1..1]", "type": "machine", "signals": [{"name": "a"}]}],
        protocol="modbus",
    )
    (block,) = modbus_blocks(site)
    async with _replay(read_recording(site, tmp_path), free_port), _client(free_port) as client:
        bits = [(await _read(client, block))[2][0] for _ in range(4)]
    assert bits == [HOLE_FLOAT32_BITS, 0x7FC00000, 0xFF800000, 0x7F800000]


async def test_speed_caps_the_steps(write_site, tmp_path: Path, free_port: int) -> None:
    site = _site(write_site, "1 10\n1 11\n", "01")
    (block,) = modbus_blocks(site)
    async with _replay(read_recording(site, tmp_path), free_port, speed=0.001) as replay, _client(free_port) as client:
        for _ in range(20):
            assert (await _read(client, block))[1] == [10.0]
        assert replay.progress().steps_served == 1


async def test_registers_are_read_only_and_gaps_between_blocks_are_no_addresses(
    write_site, tmp_path: Path, free_port: int
) -> None:
    site = _site(write_site, "1 10\n2 20\n")
    block, _ = modbus_blocks(site)
    async with _replay(read_recording(site, tmp_path), free_port), _client(free_port) as client:
        assert (await client.write_register(block.start, 1, device_id=1)).isError()
        assert (await client.read_holding_registers(block.start, count=block.count + 1, device_id=1)).isError()


def test_texts_are_refused(write_site, tmp_path: Path) -> None:
    plant = read_recording(_site(write_site, "1 OFF\n2 1\n"), tmp_path)
    with pytest.raises(InputError, match=r"m-01, signal a, row 1.*OFF"):
        encode(plant.units[0])


def test_addresses_of_ones_own_are_refused(write_site, tmp_path: Path) -> None:
    equipment = [{"id": "m", "type": "machine", "signals": [{"name": "a", "address": "1/holding/0/float32"}]}]
    site = write_site("t,a\n0,1\n", {"timestamp": _CLOCK}, equipment, protocol="modbus")
    with pytest.raises(InputError, match="lays out its registers itself"):
        ModbusReplay(read_recording(site, tmp_path), port=1)


async def test_a_taken_port_is_one_error(write_site, tmp_path: Path, free_port: int) -> None:
    plant = read_recording(_site(write_site, "1 10\n2 20\n"), tmp_path)
    async with _replay(plant, free_port):
        with pytest.raises(InputError, match="cannot listen"):
            await ModbusReplay(plant, port=free_port).start()
