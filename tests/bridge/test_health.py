"""What a bridge sees of itself, tells the gateway, and leaves for `platform bridge status`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from bridge.app import run
from bridge.config import BridgeConfig
from bridge.health import FILE, devices_of, read_health
from bridge.outbox import OutboxWriter, Sender, oldest_us
from bridge.store import DATABASE, Store, transaction
from cli.main import main
from core import clock
from core.contracts.lanes import LaneKind
from core.contracts.reading import Sample, readings_to_arrow
from core.errors import InputError
from core.settings import BridgeSettings


async def test_a_running_bridge_tells_and_leaves_how_it_is(
    tmp_path: Path, build, gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    signals = [{"name": "flow", "address": "1/holding/0/float32"}]
    machines = [
        {
            "id": f"pump-[{first}..{first + 1}]",
            "type": "pump",
            "signals": signals,
            "endpoint": f"modbus://127.0.0.1:{port}",
        }
        for first, port in ((1, build.free_port()), (3, build.free_port()))
    ]
    built = build("- name: flow", equipment=machines)
    settings = BridgeSettings(reconnect_max_s=0.2, heartbeat_interval_s=0.1)
    config = BridgeConfig(built.site, built.contract, tmp_path, gateway.url, build.key, "loop-bridge", settings)
    stop = asyncio.Event()
    bridge = asyncio.create_task(run(config, stop))
    try:
        await build.until(lambda: gateway.heartbeats and all(d.error for d in gateway.heartbeats[-1].health.drivers))
        await build.until(lambda: all(one.error for one in (read_health(tmp_path) or (0, None))[1].drivers))
    finally:
        stop.set()
        await bridge
    hello, health = gateway.hellos[0], gateway.heartbeats[-1].health
    assert [(one.endpoint, one.equipment, one.signals) for one in hello.devices] == [
        (machines[0]["endpoint"], ("pump-1", "pump-2"), 2),
        (machines[1]["endpoint"], ("pump-3", "pump-4"), 2),
    ]
    assert (hello.version, hello.devices) == (health.version, devices_of(built.site))
    assert [(one.endpoint, one.connected_since) for one in health.drivers] == [(m["endpoint"], None) for m in machines]
    assert (health.connected, health.outbox_rows, health.outbox_oldest_s) == (0, 0, None)
    assert min(health.disk_free_bytes, health.memory_bytes) > 1_000_000
    assert health.contract.startswith("1.0.0 ")
    capsys.readouterr()
    assert main(["bridge", "status", "--home", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"device {machines[0]['endpoint']}: away: device cannot be reached" in said
    assert f"version {health.version}, running since" in said
    there = health.drivers[0].model_copy(update={"connected_since": health.started_at, "error": "left out: p1.words"})
    spoken = health.model_copy(update={"drivers": (there,)}).model_dump(mode="json")
    (tmp_path / FILE).write_text(json.dumps({"at": health.started_at.isoformat(), **spoken}))
    assert main(["bridge", "status", "--home", str(tmp_path)]) == 0
    since = f"{health.started_at:%Y-%m-%d %H:%M}"
    assert f"device {machines[0]['endpoint']}: connected since {since}: left out: p1.words" in capsys.readouterr().out
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(InputError, match="state cannot be read"):
        read_health(tmp_path)


def test_the_oldest_batch_has_an_age_also_in_a_database_from_before(tmp_path: Path, build) -> None:
    built = build("- name: flow")
    writer = OutboxWriter(Sender("loop-bridge", "inc", "loop", built.contract), 10)
    rows = readings_to_arrow("loop", [Sample("p1", "flow", 1, 1.0, None, 0)])
    with Store.open(tmp_path), sqlite3.connect(tmp_path / DATABASE) as older:
        older.execute("alter table outbox drop column stored_us")
    with Store.open(tmp_path) as store, store.writing() as connection:
        assert oldest_us(connection) is None
        before = clock.now_us()
        for _ in range(2):
            with transaction(connection):
                writer.put(connection, LaneKind.READINGS, rows, None, live=True)
        first = oldest_us(connection)
        assert first is not None and before <= first <= clock.now_us()
        with transaction(connection):
            connection.execute("delete from outbox where seq = 1")
        assert (oldest_us(connection) or 0) > first
