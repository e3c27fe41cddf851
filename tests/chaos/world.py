"""An installation to disturb: PostgreSQL, gateway, sink, two bridges behind links, two plants, a broker by choice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from bridge.books import BridgeBooks, read_books
from cli.demo.plants import PlantState, read_state
from cli.demo.stream import View
from cli.parts import bridge_part, gateway_part, plant_part, plant_state, sink_part
from cli.session import initialise
from cli.sites import SiteOnDisk
from cli.up import register
from core.errors import GoldlayerError
from core.eventlog import open_event_log
from core.eventlog.broker import LocalBroker
from core.run.folder import RunFolder
from core.run.part import Part
from core.run.postgres import Postgres
from core.run.running import BackOff
from core.run.supervisor import Supervisor
from core.settings import BridgeSettings, EventLogSettings, Settings, SinkSettings
from core.tenancy import Tenancy
from ingestion.lag import lag
from lake.store import Lake, TenantLake
from tests.chaos.faults import Fault, Kind
from tests.chaos.link import Link
from tests.chaos.plants import Plants

_SEALED_FROM = 2_000
"""Readings a bridge's journal holds: few, so that kills hit the sealing of files too."""


@dataclass
class World:
    """What the faults act on; made by `running`."""

    run: RunFolder
    settings: Settings
    postgres: Postgres
    supervisor: Supervisor
    plants: Plants
    broker: LocalBroker | None
    links: dict[str, Link] = field(default_factory=dict)

    @property
    def lakes(self) -> list[TenantLake]:
        """One a site, in the order of the sites."""
        lake = Lake(self.run.lake_root(self.settings))
        return [lake.tenant(one.site.tenant) for one in self.plants.live]

    def home(self, site: str) -> Path:
        """Home folder of a site's bridge."""
        return self.run.bridges / site

    def books(self) -> list[BridgeBooks]:
        """Books of every bridge."""
        return [read_books(self.home(one.site.site)) for one in self.plants.live]

    def batch_in_flight(self) -> bool:
        """True if some batch has left a bridge's contract and is not known to be in the log."""
        with contextlib.suppress(GoldlayerError):
            return any(books.unacknowledged_batches for books in self.books())
        return False

    async def start_plants(self, speed: float) -> None:
        """Serve the live chunk of every site."""
        parts: list[Part] = []
        for one in self.plants.live:
            plant_state(self.run, one.site.site).unlink(missing_ok=True)
            parts.append(plant_part(self.run, self.settings, one.site.site, one.file, speed))
        await self.supervisor.up(parts)

    async def stop_plants(self) -> None:
        """The devices go; what the next round serves comes from new ones."""
        await self.supervisor.stop(*(f"plant-{one.site.site}" for one in self.plants.live))

    async def look(self) -> View:
        """How far the stream is; not settled while something cannot be asked."""
        states = [read_state(plant_state(self.run, one.site.site)) for one in self.plants.live]
        try:
            log = await open_event_log(self.settings, self.run, self.postgres)
            try:
                lake = Lake(self.run.lake_root(self.settings))
                behind = await lag(log, lake, [one.site.tenant for one in self.plants.live])
            finally:
                await log.close()
            return View(states, self.books(), sum(behind.values()))
        except (GoldlayerError, OSError):
            return View([PlantState()], [], 1)

    async def strike(self, fault: Fault) -> bool:
        """Do it.

        Returns:
            True if a process was killed while a batch was in flight.
        """
        match fault.kind:
            case Kind.KILL:
                hit = self.batch_in_flight()
                await self._kill(fault.target)
                return hit
            case Kind.FREEZE:
                await self._freeze(fault.target, fault.amount)
            case Kind.CUT:
                self.links[fault.target].cut()
                await asyncio.sleep(fault.amount)
                self.links[fault.target].mend()
            case Kind.POINT:
                self._arm(fault.target)
            case Kind.DISK:
                self._arm(fault.target)
                await asyncio.sleep(fault.amount)
                (self.fault_points / fault.target).unlink(missing_ok=True)
            case Kind.CLOCK:
                self._arm(fault.target, str(fault.amount))
            case Kind.REPEAT:
                self.links[fault.target].repeats += int(fault.amount)
            case Kind.SWAP:
                self.links[fault.target].swaps += int(fault.amount)
        return False

    def heal(self) -> int:
        """Undo what still stands.

        Returns:
            Fault points that nobody had come by.
        """
        left = list(self.fault_points.iterdir())
        for point in left:
            point.unlink(missing_ok=True)
        for link in self.links.values():
            link.mend()
            link.repeats = link.swaps = 0
        return sum(not point.name.endswith("clock") for point in left)

    @property
    def fault_points(self) -> Path:
        """Folder in which fault points are armed."""
        return self.run.path / "faults"

    def _arm(self, point: str, text: str = "") -> None:
        new = self.fault_points / f".{point}"
        new.write_text(text)
        new.rename(self.fault_points / point)

    async def _kill(self, target: str) -> None:
        if target == "broker":
            assert self.broker is not None
            await asyncio.to_thread(self.broker.kill)
            await asyncio.to_thread(self.broker.start)
        elif (pid := self._pid(target)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _freeze(self, target: str, seconds: float) -> None:
        if (pid := self._pid(target)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(seconds)
                os.kill(pid, signal.SIGCONT)

    def _pid(self, target: str) -> int | None:
        if target != "postgres":
            return self.supervisor.pids().get(target)
        keeper = self.run.state().processes["postgres"]
        with contextlib.suppress(psutil.Error):
            return next((child.pid for child in psutil.Process(keeper.pid).children()), None)
        return None


@contextlib.asynccontextmanager
async def running(folder: Path, *, kafka: bool) -> AsyncIterator[World]:
    """An installation in a folder, new or from an earlier run, everything but the plants up."""
    run = RunFolder.open(folder, Settings())
    (run.path / "faults").mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(LocalBroker(run.path / "kafka")) if kafka else None
        settings = Settings(
            faults=run.path / "faults",
            eventlog=EventLogSettings(kafka=broker.bootstrap if broker else None),
            sink=SinkSettings(commit_interval_s=0.5),
            bridge=BridgeSettings(
                batch_rows=100, seal_rows=_SEALED_FROM, historian_interval_s=1.0, reconnect_max_s=2.0
            ),
        )
        postgres = Postgres(run, settings)
        async with (
            Supervisor(run, postgres, back_off=BackOff(first_s=0.2, last_s=2.0)) as supervisor,
            contextlib.AsyncExitStack() as links,
        ):
            world = World(run, settings, postgres, supervisor, Plants.at(run.path / "plants"), broker)
            await _start(world, links)
            yield world


async def _start(world: World, links: contextlib.AsyncExitStack) -> None:
    run, settings = world.run, world.settings
    await initialise(run, world.postgres, settings)
    await world.supervisor.up([gateway_part(run, settings), sink_part(run, settings)])
    async with await Tenancy.open(run, world.postgres, settings) as tenancy:
        files = [await register(tenancy, one, _endpoint(run, one)) for one in world.plants.live]
    parts: list[Part] = []
    for one in files:
        link = Link(run.port(f"link-{one.site}"), run.port("gateway"))
        world.links[one.site] = await links.enter_async_context(link)
        part = bridge_part(run, settings, one)
        direct, relayed = f"ws://127.0.0.1:{run.port('gateway')}", f"ws://127.0.0.1:{link.port}"
        parts.append(replace(part, argv=[relayed if word == direct else word for word in part.argv]))
    await world.supervisor.up(parts)


def _endpoint(run: RunFolder, one: SiteOnDisk) -> str:
    scheme = "opc.tcp" if one.site.protocol == "opcua" else "modbus"
    return f"{scheme}://127.0.0.1:{run.port(f'plant-{one.site.site}')}"
