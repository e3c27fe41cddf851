"""kill -9 anywhere: what arrives is the contract over the source, every row exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.books import BridgeBooks, read_books
from bridge.contract.engine import step
from bridge.contract.plan import plan_site
from core.contracts.odcs import load_contract
from core.contracts.reading import Sample, readings_to_arrow, to_us
from core.contracts.site import load_site
from core.errors import InputError
from examples.plant.modbus import ModbusReplay
from examples.plant.opcua import OpcUaReplay
from examples.plant.recording import read_recording

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 900
SIGNALS = ("flow", "level", "speed")
SITE = """
tenant: newcomer-co
site: loop
protocol: {protocol}
poll: {{interval_s: 0}}
recording:
  path: recording.csv
  timestamp: {{column: t, format: "%Y-%m-%d %H:%M:%S"}}
equipment:
  - id: p1
    type: pump
    signals: [{{name: flow}}, {{name: level}}, {{name: speed}}]
"""
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: loop
version: 1.0.0
status: active
schema:
  - name: pump
    properties:
      - name: flow
        customProperties:
          - {property: deadband, value: {absolute: 0.3}}
          - {property: windows, value: [{every: PT1M, aggregates: [mean, max, count], lateness: PT5S}]}
      - name: level
customProperties:
  - property: rules
    value:
      - {name: fast, equipment_type: pump, signal: speed, raise_when: ">", threshold: 0.8, fault_code: F1,
         severity: 80, message: too fast}
"""

SEALING = {"GOLDLAYER_BRIDGE__SEAL_ROWS": "200", "GOLDLAYER_BRIDGE__HISTORIAN_INTERVAL_S": "0.2"}
"""So that kills hit the sealing of files too."""


def value(signal: str, row: int) -> float:
    return (row * (7 + SIGNALS.index(signal)) % 101) / 101


@dataclass
class Site:
    """Files of a site, and the bridge that runs on it, again and again."""

    folder: Path
    port: int
    gateway: str
    endpoint: str
    process: asyncio.subprocess.Process | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "bridge.log"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    async def start(self) -> None:
        words = ["--site", "loop.yaml", "--contract", "loop.contract.yaml", "--home", "home", "--key-file", "key"]
        words += ["--gateway", self.gateway, "--endpoint", self.endpoint]
        with self.log.open("a") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cli.main", "bridge", "run", *words, cwd=self.folder, stderr=log,
                env={"PYTHONPATH": str(Path(__file__).parents[2])} | SEALING,
            )  # fmt: skip

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()

    def books(self) -> BridgeBooks | None:
        with contextlib.suppress(InputError):
            return read_books(self.home)
        return None

    def journaled(self) -> int:
        books = self.books()
        return books.journal_rows if books else 0

    def settled(self, rows: Callable[[], int]) -> bool:
        books = self.books()
        return (
            books is not None
            and books.totals.read >= rows()
            and books.engine_lag == 0
            and books.unacknowledged_batches == 0
        )


def write_site(folder: Path, protocol: str, key: str) -> None:
    (folder / "loop.yaml").write_text(SITE.format(protocol=protocol))
    (folder / "loop.contract.yaml").write_text(CONTRACT)
    (folder / "key").write_text(key)
    lines = [",".join(("t", *SIGNALS))]
    for row in range(ROWS):
        moment = START + timedelta(seconds=row)
        lines.append(",".join((f"{moment:%Y-%m-%d %H:%M:%S}", *(repr(value(s, row)) for s in SIGNALS))))
    (folder / "recording.csv").write_text("\n".join(lines) + "\n")


def source(carry: Callable[[float], float]) -> list[Sample]:
    return [
        Sample("p1", signal, to_us(START) + row * 1_000_000, carry(value(signal, row)), None, 0)
        for row in range(ROWS)
        for signal in SIGNALS
    ]


def float32(number: float) -> float:
    return struct.unpack("<f", struct.pack("<f", number))[0]


def promised(folder: Path, samples: list[Sample]) -> tuple[list[dict], set[str]]:
    """Rows and event ids of the contract over these samples, in one go."""
    site, _ = load_site(folder / "loop.yaml")
    contract = load_contract(folder / "loop.contract.yaml", site)
    made = step(plan_site(site, contract), {}, [readings_to_arrow("loop", samples)], [])
    return made.rows.to_pylist(), {event.event_id for event in made.events}


@contextlib.asynccontextmanager
async def running(site: Site, replay: OpcUaReplay | ModbusReplay) -> AsyncIterator[None]:
    await replay.start()
    try:
        yield
    finally:
        await site.kill()
        await replay.stop()


@pytest.mark.long
@pytest.mark.integration
async def test_opcua_the_source_arrives_exactly_once(tmp_path: Path, gateway, build) -> None:
    write_site(tmp_path, "opcua", build.key.get_secret_value())
    port = build.free_port()
    form, _ = load_site(tmp_path / "loop.yaml")
    replay = OpcUaReplay(read_recording(form, tmp_path), port=port, speed=150)
    site = Site(tmp_path, port, gateway.url, f"opc.tcp://127.0.0.1:{port}")
    async with running(site, replay):
        for kill in range(3):
            await site.start()
            had = site.journaled()
            await build.until(lambda had=had: site.journaled() > had or replay.progress().done)
            await site.kill()
            if kill == 1:
                await gateway.stop()
        await site.start()
        await asyncio.sleep(1)
        await gateway.start()
        await build.until(lambda: replay.progress().done and site.settled(lambda: ROWS * len(SIGNALS)))
        books = site.books()
        assert await site.stop() == 0
    rows, events = promised(tmp_path, source(float))
    assert build.as_json_rows(gateway.table("readings").to_pylist()) == build.as_json_rows(rows)
    assert sorted(gateway.table("faults").column("event_id").to_pylist()) == sorted(events)
    assert gateway.resent_differently == []
    assert books is not None
    assert (books.totals.read, books.totals.conflicting, books.gaps) == (ROWS * len(SIGNALS), 0, ())
    assert sum(line["read"] for line in gateway.counts().values()) == ROWS * len(SIGNALS)


@pytest.mark.long
@pytest.mark.integration
async def test_modbus_what_is_missing_lies_in_gaps(tmp_path: Path, gateway, build) -> None:
    write_site(tmp_path, "modbus", build.key.get_secret_value())
    port = build.free_port()
    form, _ = load_site(tmp_path / "loop.yaml")
    replay = ModbusReplay(read_recording(form, tmp_path), port=port, speed=200)
    site = Site(tmp_path, port, gateway.url, f"modbus://127.0.0.1:{port}")
    async with running(site, replay):
        for _ in range(3):
            await site.start()
            had = site.journaled()
            await build.until(lambda had=had: site.journaled() > had + 90 or replay.progress().done)
            await site.kill()
        await site.start()
        await build.until(lambda: replay.progress().done and site.settled(site.journaled))
        last = to_us(START) + (ROWS - 1) * 1_000_000
        await build.until(lambda: site.settled(site.journaled) and seen(gateway, "level", last))
        books = site.books()
        assert await site.stop() == 0
    assert books is not None
    kept = [one for one in source(float32) if not any(g.from_us < one.ts_us < g.to_us for g in books.gaps)]
    assert {gap.reason for gap in books.gaps} <= {"bridge_down"}
    assert len(kept) == books.totals.read
    rows, events = promised(tmp_path, kept)
    assert build.as_json_rows(gateway.table("readings").to_pylist()) == build.as_json_rows(rows)
    assert sorted(gateway.table("faults").column("event_id").to_pylist()) == sorted(events)


def seen(gateway, signal: str, ts_us: int) -> bool:
    rows = gateway.table("readings").to_pylist()
    return any(row["signal"] == signal and to_us(row["ts"]) == ts_us for row in rows)
