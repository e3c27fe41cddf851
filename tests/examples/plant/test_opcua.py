from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua import Client, ua

from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import to_us
from core.contracts.site import load_site
from core.errors import InputError
from examples.plant.opcua import OpcUaReplay
from examples.plant.recording import Plant, read_recording

pytestmark = pytest.mark.integration
_SITES = Path(__file__).parents[3] / "examples" / "sites"
_EVERY_CHANGE = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)


class _Seen:
    """Keeps what a subscription delivers."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, object, int]] = []

    def datachange_notification(self, node, val, data) -> None:
        value = data.monitored_item.Value
        self.rows.append((node.nodeid.Identifier, to_us(value.SourceTimestamp), val, value.StatusCode.value))


async def _subscribe(client: Client, seen: _Seen, names: list[str], *, queue: int = 1000, interval_ms: float = 20):
    subscription = await client.create_subscription(interval_ms, seen)
    nodes = [client.get_node(f"ns=2;s={name}") for name in names]
    await subscription._subscribe(nodes, ua.AttributeIds.Value, mfilter=_EVERY_CHANGE, queuesize=queue)
    return subscription


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  what is waited for happens on the other side of a socket
        await asyncio.sleep(0.02)


async def _standing_still(replay: OpcUaReplay) -> int:
    """Steps served when no more are for a while: at the end, unless the replay holds."""
    before, now = -1, replay.progress().steps_served
    while before != now:
        await asyncio.sleep(0.3)
        before, now = now, replay.progress().steps_served
    return now


@asynccontextmanager
async def _replay(plant: Plant, port: int, speed: float | None = None) -> AsyncIterator[OpcUaReplay]:
    replay = OpcUaReplay(plant, port=port, speed=speed)
    await replay.start()
    try:
        yield replay
    finally:
        await replay.stop()


def _names(plant: Plant) -> list[str]:
    return [f"{one.unit.id}/{signal}" for one in plant.units for signal in one.columns]


def _expected(plant: Plant) -> Counter[tuple[str, int, object, int]]:
    return Counter(
        (f"{one.unit.id}/{name}", int(ts), column.at(row), GOOD if column.at(row) is not None else BAD_NO_DATA)
        for one in plant.units
        for name, column in one.columns.items()
        for row, ts in enumerate(one.ts_us)
    )


async def test_every_row_of_fifteen_signals_arrives_exactly_once(free_port: int) -> None:
    site, _ = load_site(_SITES / "compressor.yaml")
    plant = read_recording(site, _SITES)
    seen = _Seen()
    async with _replay(plant, free_port) as replay, Client(replay.endpoint) as client:
        await _subscribe(client, seen, _names(plant))
        await _until(lambda: replay.progress().done and len(seen.rows) >= plant.readings)
        assert replay.progress().readings_served == plant.readings == 76_740
    assert Counter(seen.rows) == _expected(plant)
    assert sum(quality == BAD_NO_DATA for *_, quality in seen.rows) == 560 * 15


_TWO = [{"id": "pump-1", "type": "pump", "signals": [{"name": "a"}, {"name": "b"}]}]
_EPOCH = {"timestamp": {"column": "t", "format": "epoch_s"}}


async def test_a_short_queue_slows_the_plant_and_loses_nothing(write_site, tmp_path: Path, free_port: int) -> None:
    text = "t,a,b\n" + "".join(f"{t},{t},{-t}\n" for t in range(300))
    plant = read_recording(write_site(text, _EPOCH, _TWO), tmp_path)
    seen = _Seen()
    async with _replay(plant, free_port) as replay, Client(replay.endpoint) as client:
        await _subscribe(client, seen, _names(plant), queue=10, interval_ms=5)
        await _until(lambda: len(seen.rows) >= plant.readings)
    assert Counter(seen.rows) == _expected(plant)


async def test_texts_and_numbers_of_one_column_keep_their_types(write_site, tmp_path: Path, free_port: int) -> None:
    plant = read_recording(write_site("t,a,b\n0,1.5,x\n1,ERR,y\n2,,\n3,2.5,z\n", _EPOCH, _TWO), tmp_path)
    seen = _Seen()
    async with _replay(plant, free_port) as replay, Client(replay.endpoint) as client:
        await _subscribe(client, seen, _names(plant))
        await _until(lambda: len(seen.rows) >= plant.readings)
    assert Counter(seen.rows) == _expected(plant)


async def test_it_holds_until_all_is_subscribed_and_again_when_nobody_is_there(
    write_site, tmp_path: Path, free_port: int
) -> None:
    text = "t,a,b\n" + "".join(f"{t},{t},{t}\n" for t in range(4000))
    plant = read_recording(write_site(text, _EPOCH, _TWO), tmp_path)
    half, seen, later = _Seen(), _Seen(), _Seen()
    async with _replay(plant, free_port, speed=1000) as replay:
        async with Client(replay.endpoint) as client:
            await _subscribe(client, half, ["pump-1/a"])
            await _until(lambda: len(half.rows) == 1)
            await asyncio.sleep(0.2)
            assert replay.progress().steps_served == 0
            await _subscribe(client, seen, _names(plant))
            await _until(lambda: len(seen.rows) > 100)
        assert 50 < await _standing_still(replay) < 4000
        async with Client(replay.endpoint) as client:
            await _subscribe(client, later, _names(plant))
            missed = await client.get_node("ns=2;s=pump-1/a").read_raw_history()
            await _until(lambda: replay.progress().done and max(ts for _, ts, *_ in later.rows) == 3999 * 10**6)
    times = {ts for name, ts, *_ in later.rows + seen.rows if name == "pump-1/a"}
    times |= {to_us(one.SourceTimestamp) for one in missed}
    assert times == {t * 10**6 for t in range(4000)}


async def test_it_holds_while_history_is_read_so_that_rows_come_in_their_order(
    write_site, tmp_path: Path, free_port: int
) -> None:
    text = "t,a,b\n" + "".join(f"{t},{t},{t}\n" for t in (5, 3, 9, 1))
    plant = read_recording(write_site(text, _EPOCH, _TWO), tmp_path)
    seen = _Seen()
    async with _replay(plant, free_port) as replay, Client(replay.endpoint) as client:
        await _subscribe(client, seen, _names(plant))
        for _ in range(30):
            (shown,) = await client.get_node("ns=2;s=pump-1/a").read_raw_history()
            assert to_us(shown.SourceTimestamp) == 5 * 10**6
            await asyncio.sleep(0.02)
        await _until(lambda: len(seen.rows) >= plant.readings)
    assert [ts // 10**6 for name, ts, *_ in seen.rows if name == "pump-1/a"] == [5, 3, 9, 1]


async def test_a_taken_port_is_one_error(write_site, tmp_path: Path, free_port: int) -> None:
    plant = read_recording(write_site("t,a,b\n0,1,1\n", _EPOCH, _TWO), tmp_path)
    async with _replay(plant, free_port):
        with pytest.raises(InputError, match="cannot listen"):
            await OpcUaReplay(plant, port=free_port).start()
