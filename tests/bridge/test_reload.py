"""A contract that is changed under a running bridge: every reading is judged once, by the one or by the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.app import run
from bridge.books import read_books
from bridge.config import BridgeConfig
from core.contracts.odcs import load_contract
from core.contracts.reading import to_us
from core.contracts.site import load_site
from core.settings import BridgeSettings
from examples.plant.modbus import ModbusReplay
from examples.plant.recording import read_recording
from tests.bridge.test_kill import ROWS, SIGNALS, START, write_site

HEAD = """
apiVersion: v3.1.0
kind: DataContract
id: loop
version: {version}
status: active
schema:
  - name: pump
    properties:
      - name: {signal}
"""


@pytest.mark.integration
async def test_every_reading_is_judged_once_and_none_is_lost(tmp_path: Path, gateway, build) -> None:
    write_site(tmp_path, "modbus", build.key.get_secret_value())
    file, home, port = tmp_path / "loop.contract.yaml", tmp_path / "home", build.free_port()
    file.write_text(HEAD.format(version="1.0.0", signal="level"))
    site, _ = load_site(tmp_path / "loop.yaml")
    replay = ModbusReplay(read_recording(site, tmp_path), port=port, speed=60)
    site = site.model_copy(update={"endpoint": f"modbus://127.0.0.1:{port}"})
    first = load_contract(file, site)
    config = BridgeConfig(
        site, first, home, gateway.url, build.key, "loop-bridge", BridgeSettings(heartbeat_interval_s=0.2), file
    )
    await replay.start()
    stop = asyncio.Event()
    bridge = asyncio.create_task(run(config, stop))

    async def settled(rows: int) -> None:
        def passed() -> bool:
            books = read_books(home)
            return books.totals.read >= rows and books.engine_lag == 0 and books.unacknowledged_batches == 0

        await build.until(passed)

    try:
        await build.until(lambda: len(gateway.arrived) > 2)
        file.write_text(HEAD.format(version="2.0.0", signal="speed"))
        second = load_contract(file, site)
        await build.until(lambda: len(gateway.hellos) == 2)
        file.write_text("no contract")
        await build.until(lambda: len(gateway.arrived) > 0 and replay.progress().done)
        await settled(ROWS * len(SIGNALS))
        # Counts without a row to ride with leave a moment later.
        await build.until(lambda: sum(one["read"] for one in gateway.counts().values()) == ROWS * len(SIGNALS))
    finally:
        stop.set()
        await bridge
        await replay.stop()

    assert [hello.contract_sha256 for hello in gateway.hellos] == [first.sha256, second.sha256]
    rows = gateway.table("readings").to_pylist()
    level, speed = ([to_us(row["ts"]) for row in rows if row["signal"] == name] for name in ("level", "speed"))
    assert sorted(level + speed) == [to_us(START) + row * 1_000_000 for row in range(ROWS)]
    assert level
    assert speed
    assert max(level) < min(speed)
    for header, _ in gateway.batches.values():
        assert header.contract_version == ("1.0.0" if header.contract_sha256 == first.sha256 else "2.0.0")
    totals = read_books(home).totals
    assert (totals.read, totals.forwarded, totals.withheld) == (ROWS * 3, ROWS, ROWS * 2)

    stop = asyncio.Event()
    again = asyncio.create_task(run(replace(config, contract=second), stop))
    await build.until(lambda: len(gateway.hellos) == 3)
    stop.set()
    await again
    assert gateway.hellos[2].contract_sha256 == second.sha256
