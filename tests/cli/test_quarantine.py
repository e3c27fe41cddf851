"""`platform quarantine` on a real installation: a bridge sends too much, the contract changes, the row comes in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import yaml
from websockets.asyncio.client import connect

from cli.main import main
from core.audit import Actor
from core.contracts.batch import digest, pack
from core.contracts.data_contract import DataContract
from core.contracts.frames import Ack, Hello, Refused, pack_frame, parse_message
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA, Sample, readings_to_arrow
from core.contracts.site import SiteFile
from tests.cli.test_ingestion import NOON, batch, road

if TYPE_CHECKING:
    from core.tenancy import Tenancy
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration


def site(tenant: str) -> SiteFile:
    """A pump with two signals."""
    signals = [{"name": "flow", "unit": "l/min"}, {"name": "motor_current", "unit": "A"}]
    equipment = [{"id": "pump-1", "type": "pump", "signals": signals}]
    return SiteFile.model_validate({"tenant": tenant, "site": "cli-plant", "protocol": "opcua", "equipment": equipment})


def contract(of: SiteFile, *signals: str) -> DataContract:
    """A contract that names some of the signals."""
    document = yaml.safe_load(permissive_contract(of))
    kept = [one for one in document["schema"][0]["properties"] if one["name"] in signals]
    document["schema"][0]["properties"] = kept
    document["version"] = f"1.{len(signals)}.0"
    return parse_contract(yaml.safe_dump(document), where="cli-plant.contract.yaml")


def frame(seq: int, signal: str, under: DataContract) -> bytes:
    """A batch of one row, with what the bridge counted of it."""
    counts = dict.fromkeys(COUNT_COLUMNS, 0) | dict.fromkeys(("read", "contracted", "forwarded"), 1)
    line = {"site": "cli-plant", "equipment_id": "pump-1", "signal": signal, "hour": NOON, **counts}
    rows = readings_to_arrow("cli-plant", [Sample("pump-1", signal, NOON + seq, seq / 2, None, 0)])
    payload = pack(rows, pa.RecordBatch.from_pylist([line], schema=COUNTS_SCHEMA))
    header = replace(
        batch(seq)[0],
        contract_id=under.id,
        contract_version=under.version,
        contract_sha256=under.sha256,
        payload_sha256=digest(payload),
    )
    return pack_frame(header, payload)


async def send(address: str, key: str, under: DataContract, signals: list[str]) -> list[str]:
    """Be the bridge until everything is acknowledged; returns why batches were refused."""
    hello = Hello(
        bridge="cli-plant-bridge",
        incarnation="a1",
        site="cli-plant",
        contract_id=under.id,
        contract_version=under.version,
        contract_sha256=under.sha256,
        sent_at=datetime.now(UTC).isoformat(),
    )
    refused: list[str] = []
    async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None) as socket:
        await socket.send(hello.model_dump_json())
        await socket.recv()
        for seq, signal in enumerate(signals, start=1):
            await socket.send(frame(seq, signal, under))
        while True:
            match parse_message(str(await socket.recv())):
                case Refused(reason=reason):
                    refused.append(reason)
                case Ack(seq=seq) if seq == len(signals):
                    return refused
                case _:
                    pass


async def test_list_show_correct_the_contract_and_replay_once(
    prepared: Installation, tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    slug = "cli-held"
    held, old = site(slug), contract(site(slug), "flow")
    scope = await tenancy.create(slug, "Held", actor=_ACTOR)
    await tenancy.register_site(scope, held, old, actor=_ACTOR)
    key = (await tenancy.bridge_key_file(scope, "cli-plant")).read_text()
    async with road(prepared) as address:
        (why,) = await send(address, key, old, ["flow", "motor_current", "flow"])

    async def told(*words: str) -> dict[str, object]:
        capsys.readouterr()
        argv = ["quarantine", *words, "--tenant", slug, "--json", "--run", str(prepared.run.path)]
        assert await asyncio.to_thread(main, argv) == 0
        return json.loads(capsys.readouterr().out)

    (group,) = (await told("list"))["groups"]  # type: ignore[misc]  JSON
    assert (group["rows"], group["readmitted"], group["reason"]) == (1, 0, why)
    (row,) = (await told("show", "--lane", group["lane"], "--seq", "2"))["rows"]  # type: ignore[misc]  JSON
    assert (row["signal"], row["value"], row["contract_version"]) == ("motor_current", 1.0, "1.1.0")
    assert (await told("replay"))["waiting"] == {why: 1}

    await tenancy.register_site(scope, held, contract(held, "flow", "motor_current"), actor=_ACTOR)
    assert (await told("replay", "--dry-run"))["let_in"] == {"bronze.readings": 1}
    assert (await told("replay"))["let_in"] == {"bronze.readings": 1}
    again = await told("replay")
    assert (again["let_in"], again["waiting"]) == ({}, {})
    (group,) = (await told("list"))["groups"]  # type: ignore[misc]  JSON
    assert (group["rows"], group["readmitted"]) == (1, 1)
    recorded = [one.action for one in await tenancy.audit.newest(scope)]
    assert recorded.count("quarantine.replay") == 3


async def test_what_is_not_there_is_one_line(prepared: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["--tenant", "nobody-at-all", "--run", str(prepared.run.path)]
    assert await asyncio.to_thread(main, ["quarantine", "show", *run]) == 1
    assert "nothing like this is in quarantine" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["quarantine", "replay", *run]) == 1
    assert capsys.readouterr().err.startswith("error: ")
