"""The road from outbox to bronze for benchmarks: uplink, gateway and sink, each a process as in an installation.

The bridge's outbox is filled by hand, so that nothing but the road is measured; the register knows one bridge.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Collection, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import psutil
import pyarrow as pa
from pydantic import SecretStr

from bench.logs import opened
from bridge.catchup import Largest
from bridge.config import BridgeConfig
from bridge.health import Monitor
from bridge.in_force import Contracts
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.store import Store, get_meta, transaction
from bridge.uplink import Link, Uplink
from core.contracts.data_contract import DataContract
from core.contracts.health import BridgeHealth, Device
from core.contracts.lanes import LaneKind
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.package_key import KeyLink
from core.contracts.reading import READING_SCHEMA
from core.contracts.site import SiteFile
from core.db import TenantScope
from core.identity import BridgeIdentity
from core.log import configure
from core.run.ports import free_port
from core.settings import BridgeSettings, GatewaySettings, Settings, SinkSettings
from core.tenancy import BridgeStanding
from core.tenancy.keys import hash_of
from ingestion.gateway.promise import Promise
from ingestion.gateway.server import Gateway, serve_until
from ingestion.sink.service import Sink
from lake.store import Lake

TENANT, SITE, BRIDGE = "bench-co", "bench", "bench-bridge"
MACHINES, SIGNALS = 100, 10
TAGS = MACHINES * SIGNALS
_SCOPE = TenantScope(uuid4(), TENANT, "Bench")


@dataclass(frozen=True, slots=True)
class Place:
    """What all processes of one road have in common.

    Attributes:
        kind: `postgres` or `kafka`.
        log: DSN or bootstrap servers.
        folder: holds the lake and the bridge's home.
        port: of the gateway.
    """

    kind: str
    log: str
    folder: Path
    port: int

    @property
    def lake(self) -> Lake:
        """The lake the road ends in."""
        return Lake(str(self.folder / "lake"))


def site() -> tuple[SiteFile, DataContract]:
    """A hundred machines of ten signals each; everything may leave."""
    document = {
        "tenant": TENANT,
        "site": SITE,
        "protocol": "opcua",
        "equipment": [
            {"id": f"m-[1..{MACHINES}]", "type": "machine", "signals": [{"name": f"s{n}"} for n in range(SIGNALS)]}
        ],
    }
    found = SiteFile.model_validate(document)
    return found, parse_contract(permissive_contract(found), where="bench")


def second_of_all(ts_us: int) -> pa.RecordBatch:
    """One reading of every tag at one source time."""
    machines = np.arange(TAGS, dtype=np.int32) // SIGNALS
    columns = {
        "site": pa.DictionaryArray.from_arrays(np.zeros(TAGS, dtype=np.int32), [SITE]),
        "equipment_id": pa.DictionaryArray.from_arrays(machines, [f"m-{n + 1}" for n in range(MACHINES)]),
        "signal": pa.DictionaryArray.from_arrays(
            np.arange(TAGS, dtype=np.int32) % SIGNALS, [f"s{n}" for n in range(SIGNALS)]
        ),
        "ts": pa.array(np.full(TAGS, ts_us)).cast(READING_SCHEMA.field("ts").type),
        "value": pa.array(np.random.default_rng(ts_us).normal(50, 5, TAGS).round(3)),
        "text": pa.nulls(TAGS, pa.string()),
        "quality": pa.array(np.zeros(TAGS, dtype=np.uint32)),
    }
    rows = pa.RecordBatch.from_pydict(columns)
    return rows.cast(READING_SCHEMA) if rows.schema != READING_SCHEMA else rows


def fill(home: Path, seconds: Sequence[int], *, live: bool) -> None:
    """Put one batch of all tags a second into the outbox of a bridge."""
    with Store.open(home) as store, store.writing() as connection:
        writer = _writer(get_meta(connection, "incarnation"))
        for start in range(0, len(seconds), 200):
            with transaction(connection):
                for ts_us in seconds[start : start + 200]:
                    writer.put(connection, LaneKind.READINGS, second_of_all(ts_us), None, live=live)


def _writer(incarnation: str) -> OutboxWriter:
    return OutboxWriter(Sender(BRIDGE, incarnation, SITE, site()[1]), TAGS)


_KEY = "key"


class _Door:
    """A register that knows one bridge."""

    def __init__(self) -> None:
        found, contract = site()
        self._promise = Promise.of(found, contract)
        self._identity = BridgeIdentity(_SCOPE, BRIDGE, SITE)
        self._contract = contract

    async def authenticate(self, key: str) -> BridgeIdentity:  # noqa: ARG002  whoever comes is our bridge
        return self._identity

    async def active_tenants(self) -> Collection[UUID]:
        return {_SCOPE.id}

    async def promise(self, identity: BridgeIdentity, sha256: str) -> Promise | None:  # noqa: ARG002
        return self._promise

    async def contract(self, identity: BridgeIdentity, sha256: str) -> DataContract | None:  # noqa: ARG002
        return self._contract

    async def standings(self, tenant: TenantScope) -> Mapping[str, BridgeStanding]:  # noqa: ARG002
        return {BRIDGE: BridgeStanding(BRIDGE, hash_of(_KEY), self._contract.sha256)}

    async def package_keys(self, identity: BridgeIdentity) -> list[KeyLink]:  # noqa: ARG002
        return []

    async def seen(self, identity: BridgeIdentity, incarnation: str) -> None:
        """Nobody asks."""

    async def introduce(self, identity: BridgeIdentity, version: str, devices: tuple[Device, ...]) -> None:
        """Nobody asks."""

    async def beat(
        self, identity: BridgeIdentity, incarnation: str, health: BridgeHealth, clock_offset_s: float
    ) -> None:
        """Nobody asks."""

    async def take_down_silent(self) -> None:
        """None is silent."""


async def _gateway(place: Place) -> None:
    async with opened(place.kind, place.log) as log:
        await serve_until(Gateway(log, _Door(), GatewaySettings()), place.port, asyncio.Event())


async def _sink(place: Place) -> None:
    async def tenants() -> Sequence[TenantScope]:
        return [_SCOPE]

    async with opened(place.kind, place.log) as log:
        await Sink(log, place.lake, tenants, Settings(sink=SinkSettings())).run(asyncio.Event())


async def _bridge(place: Place) -> None:
    """The uplink of a filled outbox, and one batch of live readings every second."""
    found, contract = site()
    address = f"ws://127.0.0.1:{place.port}"
    home = place.folder / "home"
    config = BridgeConfig(found, contract, home, address, SecretStr(_KEY), BRIDGE, BridgeSettings())
    with Store.open(home) as store, store.writing() as connection:
        incarnation = get_meta(connection, "incarnation")
        stored, writer = asyncio.Event(), _writer(incarnation)
        contracts = Contracts(found, contract)
        monitor = Monitor(config, store, [], contracts)
        outbox = Outbox(store.connect(), Largest(config.settings.catchup_batch_rows, config.settings.batch_bytes))
        uplink = Uplink(config, incarnation, outbox, Link(), stored, monitor.look, contracts)
        going = asyncio.create_task(uplink.run(asyncio.Event()))
        while not going.done():
            with transaction(connection):
                writer.put(connection, LaneKind.READINGS, second_of_all(time.time_ns() // 1_000), None, live=True)
            stored.set()
            await asyncio.sleep(1.0)


def _run(part: Callable[[Place], Coroutine[object, object, None]], place: Place) -> None:
    configure("error")
    asyncio.run(part(place))


@contextmanager
def running(place: Place) -> Generator[dict[str, BaseProcess]]:
    """Gateway, sink and bridge for a block, each a process."""
    parts = {"gateway": _gateway, "sink": _sink, "bridge": _bridge}
    made = multiprocessing.get_context("spawn")
    processes: dict[str, BaseProcess] = {}
    try:
        for name, part in parts.items():
            processes[name] = made.Process(target=_run, args=(part, place), name=name, daemon=True)
            processes[name].start()
        yield processes
    finally:
        for one in processes.values():
            one.kill()
            one.join()


def cpu_seconds(processes: Mapping[str, BaseProcess]) -> dict[str, float]:
    """What each process has used so far; on a machine that others use too it says more than the clock."""
    times = {name: psutil.Process(one.pid).cpu_times() for name, one in processes.items()}
    return {name: one.user + one.system for name, one in times.items()}


@dataclass(frozen=True, slots=True)
class Progress:
    """What bronze readings held after a commit.

    Attributes:
        at: when the commit was made, seconds since 1970.
        backlog_rows: rows of the backlog lane.
        live_seq: last number of the live lane.
    """

    at: float
    backlog_rows: int
    live_seq: int


def progress(place: Place) -> list[Progress]:
    """The commits of bronze readings so far, from the Delta log alone; a live batch has a row of every tag."""
    found: list[Progress] = []
    rows = live = 0
    for file in sorted((place.folder / "lake" / TENANT / "bronze" / "readings" / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in file.read_text().splitlines()]
        at = next((one["commitInfo"]["timestamp"] / 1000 for one in actions if "commitInfo" in one), 0.0)
        added = [one["add"] for one in actions if "add" in one and one["add"]["dataChange"]]
        rows += sum(json.loads(one["stats"])["numRecords"] for one in added)
        numbers = {one["txn"]["appId"]: one["txn"]["version"] for one in actions if "txn" in one}
        live = next((seq for name, seq in numbers.items() if name.endswith("readings-live")), live)
        found.append(Progress(at, rows - live * TAGS, live))
    return found


def new_place(kind: str, log: str, folder: Path) -> Place:
    """A road with a port of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return Place(kind, log, folder, free_port())
