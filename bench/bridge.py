"""What the bridge costs: CPU seconds for a million readings from OPC UA to outbox, beside a client that only counts.

Both subscribe to the same server with the same monitored items, in turn, each in a process of its own; the bridge's
journal, contract, books and outbox are on, its gateway is not there, so that all it reads stays in the outbox.
The second claim is what is missing of 15,000 tags at 1 Hz from two servers. The servers are asyncua's and run on the
same machine: they take more of it than the bridge does, so a machine that cannot serve so much says so instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from asyncua import ua
from asyncua.client.client import Client
from pydantic import SecretStr

from bench.claim import Claim
from bridge.app import run
from bridge.config import BridgeConfig
from bridge.drivers.opcua.profiles import OpcuaProfile
from bridge.drivers.opcua.subscription import Subscription
from bridge.store import read_only
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.site import SiteFile
from core.errors import InputError, TerminalError
from core.log import configure
from core.run.ports import free_port
from core.settings import BridgeSettings

TARGET, PAIRS, TAGS, SECONDS = 1.5, 3, 1_000, 10.0
MANY_TAGS, MANY_S = 15_000, 20.0
_IN_TIME = 0.98
"""Share of its rounds that a server must manage before anything missing is the bridge's."""
_WARM_S = 3.0
_PATIENCE, _CLOSE_S = 240, 20.0
_SERVER = """
import asyncio, logging, sys, time
from asyncua import Server, ua
logging.disable(logging.CRITICAL)

async def main(port, tags):
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    folder = await server.nodes.objects.add_object(ua.NodeId("tags", 2), "2:tags")
    nodes = [await folder.add_variable(ua.NodeId(f"t{n}", 2), f"2:t{n}", 0.0) for n in range(tags)]
    async with server:
        print("up", flush=True)
        began = time.monotonic()
        for second in range(1, 10**9):
            pause = began + second - time.monotonic()
            await asyncio.sleep(max(pause, 0))
            at = ua.uatypes.datetime.now(ua.uatypes.timezone.utc)
            for place, node in enumerate(nodes):
                value = ua.DataValue(ua.Variant(float(second), ua.VariantType.Double), SourceTimestamp=at)
                await server.write_attribute_value(node.nodeid, value)
                if place % 500 == 499:
                    await asyncio.sleep(0)
            print(second, time.monotonic() - began, flush=True)

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""


@contextlib.contextmanager
def _server(tags: int) -> Generator[tuple[int, subprocess.Popen[str]]]:
    """A server that writes every tag once a second, and says each second that it has written."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-c", _SERVER, str(port), str(tags)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "up":
                raise TerminalError("the OPC UA server does not start", received=process.poll())
            yield port, process
        finally:
            process.kill()


def _site(ports: Sequence[int], tags: int) -> SiteFile:
    """A machine behind each server."""
    signals = [{"name": f"t{n}", "address": f"ns=2;s=t{n}"} for n in range(tags)]
    machines = [
        {"id": f"m{port}", "type": "machine", "endpoint": f"opc.tcp://127.0.0.1:{port}/", "signals": signals}
        for port in ports
    ]
    return SiteFile.model_validate({"tenant": "bench-co", "site": "bench", "protocol": "opcua", "equipment": machines})


async def _bridge(ports: Sequence[int], tags: int, said: Connection, seconds: float) -> None:
    site = _site(ports, tags)
    contract = parse_contract(permissive_contract(site), where="bench")
    nobody = f"ws://127.0.0.1:{free_port()}"
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="goldlayer-bench-") as home:
        config = BridgeConfig(site, contract, Path(home), nobody, SecretStr("key"), "bench-bridge", BridgeSettings())
        going = asyncio.create_task(run(config, stop))
        await _measure(lambda: _waiting(Path(home)), said, seconds)
        stop.set()
        await going


def _waiting(home: Path) -> int:
    """Readings in the outbox: all that left under the contract, since nobody takes them."""
    try:
        with contextlib.closing(read_only(home)) as connection:
            return int(connection.execute("select rows from outbox_size").fetchone()[0])
    except InputError:  # the bridge has not begun
        return 0


async def _counting(ports: Sequence[int], tags: int, said: Connection, seconds: float) -> None:
    """The barest client: the same subscription, and a number."""
    count = 0

    async def published(result: ua.PublishResult) -> None:
        nonlocal count
        for notification in result.NotificationMessage.NotificationData or []:
            if isinstance(notification, ua.DataChangeNotification):
                count += len(notification.MonitoredItems or [])

    async with Client(f"opc.tcp://127.0.0.1:{ports[0]}/") as client:
        series = {("m1", f"t{n}"): ua.NodeId.from_string(f"ns=2;s=t{n}") for n in range(tags)}
        handles = {one: handle for handle, one in enumerate(series, start=1)}
        subscription = Subscription(client, OpcuaProfile(), handles, {})
        await subscription.create(published)
        await subscription.watch(series)
        await _measure(lambda: count, said, seconds)


async def _measure(count: Callable[[], int], said: Connection, seconds: float) -> None:
    """Tell CPU seconds and readings of a span that begins when readings flow."""
    for _ in range(_PATIENCE):
        if count():
            break
        await asyncio.sleep(0.5)
    else:
        raise TerminalError("nothing is read")
    await asyncio.sleep(_WARM_S)
    cpu, had = time.process_time(), count()
    await asyncio.sleep(seconds)
    said.send((time.process_time() - cpu, count() - had))


Part = Callable[[Sequence[int], int, Connection, float], Coroutine[object, object, None]]


def _run(part: Part, ports: Sequence[int], tags: int, said: Connection, seconds: float) -> None:
    configure("error")
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    asyncio.run(part(ports, tags, said, seconds))


def _span(part: Part, ports: Sequence[int], tags: int, seconds: float = SECONDS) -> tuple[float, int]:
    """CPU seconds and readings of one client in a process of its own."""
    made = multiprocessing.get_context("spawn")
    told, said = made.Pipe(duplex=False)
    process = made.Process(target=_run, args=(part, ports, tags, said, seconds), daemon=True)
    process.start()
    said.close()
    try:
        return told.recv()
    except EOFError:
        raise TerminalError("a client ended before it had measured", received=process.exitcode) from None
    finally:
        process.join(_CLOSE_S)  # it removes its folder
        process.terminate()
        process.join()


def _cost() -> Claim:
    mine: list[float] = []
    theirs: list[float] = []
    with _server(TAGS) as (port, _):
        for _ in range(PAIRS):
            for part, kept in ((_bridge, mine), (_counting, theirs)):
                cpu, readings = _span(part, [port], TAGS)
                kept.append(cpu / max(readings, 1) * 1e6)
    a, b = statistics.median(mine), statistics.median(theirs)
    return Claim("bridge cpu", "ratio", round(a, 2), round(b, 2), round(a / b, 4), TARGET, a / b <= TARGET)


def _many() -> Claim:
    """Share of the readings that servers wrote and the bridge has not, over a span."""
    each = MANY_TAGS // 2
    with _server(each) as (one, first), _server(each) as (two, second):
        cpu, readings = _span(_bridge, [one, two], each, MANY_S)
        paces = [_pace(server) for server in (first, second)]
    expected = int(sum(paces) / 2 * MANY_S) * MANY_TAGS
    missing = max(0.0, 1 - readings / max(expected, 1))
    print(
        f"bridge: {readings:,} of {expected:,} readings of {MANY_TAGS:,} tags in {MANY_S:.0f} s with {cpu:.1f} CPU "
        f"seconds; the servers wrote every tag {paces[0]:.2f} and {paces[1]:.2f} times a second",
        flush=True,
    )
    whole = min(paces) > _IN_TIME
    return Claim("bridge 15k tags", "budget", round(missing, 4), 0.0, round(1 + missing, 4), 1.0, whole and not missing)


def _pace(server: subprocess.Popen[str]) -> float:
    """Rounds a second that a server managed of the one it should."""
    server.kill()
    assert server.stdout is not None
    told = [line.split() for line in server.stdout.read().splitlines()]
    rounds, seconds = (int(told[-1][0]), float(told[-1][1])) if told else (0, 1.0)
    return rounds / max(seconds, 1.0)


def claims() -> list[dict[str, object]]:
    """CPU seconds for a million readings, ours and counting; what is missing of many tags."""
    configure("error")
    print(f"bridge: {TAGS:,} tags at 1 Hz, spans of {SECONDS:.0f} s, {PAIRS} pairs; both: same items, own process")
    return [_cost().as_dict(), _many().as_dict()]
