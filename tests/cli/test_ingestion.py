"""`platform gateway run`, `platform sink run` and `platform lake`, as processes on a real installation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cli.main import main
from core.audit import Actor
from core.contracts.batch import BatchHeader, digest, pack
from core.contracts.frames import Ack, Error, Hello, Refused, Welcome, pack_frame, parse_message
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.reading import Sample, readings_to_arrow, to_us
from core.contracts.site import SiteFile
from core.run.ports import accepts, free_port
from lake.store import Lake
from lake.tables.bronze import QUARANTINE, READINGS

if TYPE_CHECKING:
    from core.tenancy import Tenancy
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration

SITE = SiteFile.model_validate(
    {
        "tenant": "cli-road",
        "site": "cli-plant",
        "protocol": "opcua",
        "equipment": [{"id": "pump-1", "type": "pump", "signals": [{"name": "flow", "unit": "l/min"}]}],
    }
)
CONTRACT = parse_contract(permissive_contract(SITE), where="cli-plant.contract.yaml")
NOON = to_us(datetime(2024, 3, 1, 12, tzinfo=UTC))


@contextlib.contextmanager
def part(installation: Installation, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a process of its own; killed if the test did not stop it."""
    argv = [sys.executable, "-P", "-m", "cli.main", *words, "--run", str(installation.run.path)]
    process = subprocess.Popen(argv, env={**os.environ, "GOLDLAYER_POSTGRES__DURABLE": "false"})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def road(installation: Installation) -> AsyncIterator[str]:
    """Gateway and sink as processes; yields the gateway's address, and both leave by themselves afterwards."""
    port = free_port()
    with (
        part(installation, "gateway", "run", "--port", str(port)) as gateway,
        part(installation, "sink", "run") as sink,
    ):
        for _ in range(1200):
            if accepts(port):
                break
            assert gateway.poll() is None
            await asyncio.sleep(0.1)
        yield f"ws://127.0.0.1:{port}"
        assert await stopped(gateway) == 0
        # What the sink has not committed by now it drains before it leaves.
        assert await stopped(sink) == 0


async def stopped(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(process.wait, 60)


def hello() -> str:
    return Hello(
        bridge="cli-plant-bridge",
        incarnation="a1",
        site="cli-plant",
        contract_id=CONTRACT.id,
        contract_version=CONTRACT.version,
        contract_sha256=CONTRACT.sha256,
        sent_at=datetime.now(UTC).isoformat(),
    ).model_dump_json()


def batch(seq: int, *, of: str = "cli-plant", signal: str = "flow") -> tuple[BatchHeader, bytes]:
    payload = pack(readings_to_arrow(of, [Sample("pump-1", signal, NOON + seq, seq / 2, None, 0)]), None)
    header = BatchHeader(
        bridge="cli-plant-bridge",
        incarnation="a1",
        site="cli-plant",
        lane="readings-live",
        seq=seq,
        rows=1,
        contract_id=CONTRACT.id,
        contract_version=CONTRACT.version,
        contract_sha256=CONTRACT.sha256,
        payload_sha256=digest(payload),
    )
    return header, payload


async def send(address: str, key: str, first: int, last: int) -> None:
    """Be the bridge until the last batch is acknowledged."""
    async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None) as socket:
        await socket.send(hello())
        assert isinstance(parse_message(str(await socket.recv())), Welcome)
        for seq in range(first, last + 1):
            await socket.send(pack_frame(*batch(seq)))
        while True:
            answer = parse_message(str(await socket.recv()))
            assert isinstance(answer, Ack)
            if answer.seq == last:
                return


async def test_from_a_bridge_key_to_rows_in_the_lake(
    prepared: Installation, tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = await tenancy.create("cli-road", "Road", actor=_ACTOR)
    await tenancy.register_site(scope, SITE, CONTRACT, actor=_ACTOR)
    key = (await tenancy.bridge_key_file(scope, "cli-plant")).read_text()
    async with road(prepared) as address:
        with pytest.raises(InvalidStatus):
            await connect(address, additional_headers={"Authorization": "Bearer gl_no"}, proxy=None)
        await send(address, key, 1, 10)
        lake = Lake(prepared.run.lake_root(prepared.settings)).tenant("cli-road")
        for _ in range(300):
            if lake.version(READINGS) is not None:
                break
            await asyncio.sleep(0.1)
        await send(address, key, 11, 20)
    (bridge,) = await tenancy.bridges(scope)
    assert bridge.last_seen is not None
    assert bridge.incarnation == "a1"

    run = ["--tenant", "cli-road", "--run", str(prepared.run.path)]
    capsys.readouterr()
    sql = "SELECT count(*) AS n, sum(value) AS total FROM bronze.readings"
    assert await asyncio.to_thread(main, ["lake", "query", sql, "--json", *run]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["rows"] == [{"n": 20, "total": 105.0}]
    assert answer["evidence"][0]["table"] == "bronze.readings"

    assert await asyncio.to_thread(main, ["lake", "tables", *run]) == 0
    listed = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert listed["bronze.readings"][2] == "20"
    assert "never written" in " ".join(listed["bronze.events"])

    assert await asyncio.to_thread(main, ["lake", "query", "SELECT 1 AS one FROM bronze.events", *run]) == 1
    assert await asyncio.to_thread(main, ["lake", "query", "DROP TABLE x", *run]) == 2
    assert "only SELECT" in capsys.readouterr().err


async def test_an_enemy_with_a_key_spoils_nothing(prepared: Installation, tenancy: Tenancy) -> None:
    """Rubbish, what the contract withholds and rows of others are kept apart; the lane and the other tenant go on."""
    enemy = await tenancy.create("cli-enemy", "Enemy", actor=_ACTOR)
    site = SITE.model_copy(update={"tenant": "cli-enemy"})
    await tenancy.register_site(enemy, site, CONTRACT, actor=_ACTOR)
    victim = await tenancy.create("cli-victim", "Victim", actor=_ACTOR)
    await tenancy.register_site(
        victim,
        SITE.model_copy(update={"tenant": "cli-victim", "site": "their-plant"}),
        CONTRACT,
        actor=_ACTOR,
    )
    key = {"Authorization": f"Bearer {(await tenancy.bridge_key_file(enemy, 'cli-plant')).read_text()}"}
    rubbish = b"PAR1 is no batch"
    header, _ = batch(2)
    bad = {
        2: (replace(header, payload_sha256=digest(rubbish)), rubbish),
        3: batch(3, signal="motor_current"),
        4: batch(4, of="their-plant"),
        5: (batch(5)[0], batch(6)[1]),
    }
    async with road(prepared) as address, connect(address, additional_headers=key, proxy=None) as socket:
        await socket.send(hello())
        assert isinstance(parse_message(str(await socket.recv())), Welcome)
        for seq in range(1, 7):
            await socket.send(pack_frame(*bad.get(seq, batch(seq))))
        refused: dict[int, str] = {}
        acknowledged = 0
        while acknowledged < 6:
            answer = parse_message(str(await socket.recv()))
            if isinstance(answer, Refused):
                refused[answer.seq] = answer.reason
            elif isinstance(answer, Ack):
                acknowledged = answer.seq
        await socket.send(pack_frame(replace(batch(7)[0], site="their-plant"), batch(7)[1]))
        told = parse_message(str(await socket.recv()))
        assert isinstance(told, Error)
        assert not told.retry
    lakes = {slug: Lake(prepared.run.lake_root(prepared.settings)).tenant(slug) for slug in ("cli-enemy", "cli-victim")}
    kept = lakes["cli-enemy"].scan(READINGS).collect()
    assert sorted(kept["seq"]) == [1, 6]
    quarantine = lakes["cli-enemy"].scan(QUARANTINE).collect()
    assert dict(quarantine.select("seq", "reason").iter_rows()) == refused
    assert dict(quarantine.select("seq", "payload").iter_rows()) == {seq: payload for seq, (_, payload) in bad.items()}
    assert sorted(refused) == sorted(bad)
    assert "motor_current" in refused[3]
    assert "their-plant" in refused[4]
    assert lakes["cli-victim"].version(READINGS) is None or lakes["cli-victim"].scan(READINGS).collect().is_empty()
    assert lakes["cli-victim"].scan(QUARANTINE).collect().is_empty()
