"""The WebSocket of the bridges: with A's key, every field of every message claims what is B's.

A real gateway over the world's register; its event log is in memory. A bridge of A greets, sends and is answered; what
comes back is the answer, and nothing may have landed in a topic of B's.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, get_args

import pyarrow as pa
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.contracts.batch import BatchHeader, digest, pack
from core.contracts.frames import Hello, Message, pack_frame
from core.contracts.lanes import topics_of
from core.contracts.reading import READING_SCHEMA
from core.errors import DeniedError, NotFoundError
from tests.isolation.attempt import Attempt
from tests.isolation.techniques import hostile, some
from tests.isolation.world import HALL, HIDDEN_HALL, B, World

NOT_A_DOOR: dict[str, str] = {}
_FEW = 2
"""Hostile texts a field: each is a connection of its own."""
_INCARNATION, _LANE = "of-alpha", "readings-live"
_PAYLOAD = pack(pa.RecordBatch.from_pylist([], schema=READING_SCHEMA), None)
_KINDS = sorted(one.model_fields["type"].default for one in get_args(get_args(Message)[0]) if one is not Hello)
"""Every message of the protocol that may follow the greeting."""
Call = Callable[[str], Awaitable[Any]]


def found(world: World) -> set[str]:
    """The key, every field that a bridge fills in, and the messages it has no business to send."""
    del world
    greeting = {f"gateway.hello.{name}" for name in Hello.model_fields}
    header = {f"gateway.batch.{one.name}" for one in fields(BatchHeader)}
    return {"gateway.key"} | greeting | header | {f"gateway.{kind}" for kind in _KINDS}


def attempts(world: World) -> Iterator[Attempt]:
    """Keys that are none, then A's key with every field as B's, as a stranger's and as nonsense."""
    yield Attempt("gateway.hello.site", "own thing", HALL, _greeting(world, "site"), own=True)
    yield Attempt("gateway.batch.lane", "own thing", _LANE, _batch(world, "lane"), own=True)
    for technique, key in _keys(world):
        yield Attempt("gateway.key", technique, key, _knocking(world), refused=True)
    for name in Hello.model_fields:
        refused = name in ("bridge", "site", "contract_sha256", "type", "protocol")
        for technique, text in _claims(world, name):
            yield Attempt(f"gateway.hello.{name}", technique, text, _greeting(world, name), refused=refused)
    for one in fields(BatchHeader):
        refused = one.name in ("bridge", "incarnation", "site")
        for technique, text in _claims(world, one.name):
            yield Attempt(f"gateway.batch.{one.name}", technique, text, _batch(world, one.name), refused=refused)
    for number in (2, 7, 2**31, 2**62):
        yield Attempt("gateway.batch.seq", "number of the other's batch", str(number), _batch(world, "seq"))
    for kind in _KINDS:
        refused = kind not in ("heartbeat", "tool_answer", "contract_answer")
        for technique, text in _claims(world, kind):
            yield Attempt(f"gateway.{kind}", technique, text, _saying(world, kind), refused=refused)


def _keys(world: World) -> Iterator[tuple[str, str]]:
    a, b = world.a.bridge_key, world.b.bridge_key
    yield "prefix of one, secret of another", f"{a[:19]}_{b[-43:]}"
    yield "prefix of one, secret of another", f"{b[:19]}_{a[-43:]}"
    yield from (("another's proof", one) for one in (world.a.token, world.b.token, world.a.staff.api_key, ""))
    yield "cut off", b[:-1]


def _claims(world: World, name: str) -> Iterator[tuple[str, str]]:
    """What B would say in a field, and hostile texts."""
    yield from (("thing of the other tenant", text) for text in _of_b(world, name))
    yield from some(hostile(world.names, "hidden"), _FEW)


def _of_b(world: World, name: str) -> list[str]:
    contracts = (world.b.contract, world.hidden_contract)
    match name:
        case "site":
            return [HIDDEN_HALL, B]
        case "bridge":
            return [f"{HIDDEN_HALL}-bridge", B]
        case "contract_sha256":
            return [one.sha256 for one in contracts]
        case "contract_id":
            return [one.id for one in contracts]
        case _:
            return [B, str(world.b.scope.id)]


@asynccontextmanager
async def _socket(world: World, key: str) -> AsyncGenerator[ClientConnection]:
    """A connection under a key; a key that is refused is a refusal like any other."""
    try:
        socket = await connect(world.gateway, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None)
    except InvalidStatus as error:
        raise DeniedError(f"{error.response.status_code} {error.response.body!r}") from error
    async with socket:
        yield socket


def _hello(world: World, **changes: object) -> str:
    contract = world.a.contract
    told = {
        "type": "hello",
        "protocol": 1,
        "bridge": f"{HALL}-bridge",
        "incarnation": _INCARNATION,
        "site": HALL,
        "contract_id": contract.id,
        "contract_version": contract.version,
        "contract_sha256": contract.sha256,
        "sent_at": datetime.now(UTC).isoformat(),
    }
    return json.dumps({**told, **changes})


async def _answers(world: World, socket: ClientConnection, asked: str, until: str) -> list[dict[str, Any]]:
    """What the gateway says until a word or the end.

    Raises:
        DeniedError: it says an error, or closes; in its reason, only the beginning of a hash is what was asked.
    """
    said: list[dict[str, Any]] = []
    try:
        while not said or said[-1]["type"] != until:
            said.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
            if said[-1]["type"] in ("error", "refused"):
                said[-1]["reason"] = _unhashed(said[-1]["reason"], asked)
            if said[-1]["type"] == "error":
                raise DeniedError(str(said[-1]))
    except ConnectionClosed as error:
        raise DeniedError(f"closed: {_unhashed(str(error), asked)}") from error
    finally:
        await _nothing_landed(world)
    return said


def _unhashed(text: str, asked: str) -> str:
    return text.replace(asked[:12], "‹asked›") if len(asked) == 64 else text


async def _nothing_landed(world: World) -> None:
    """Topics of B stay as empty as they were."""
    for topic in topics_of(B):
        for partition in range(3):
            try:
                landed = await world.log.read(topic, partition, 0, wait_s=0)
            except NotFoundError:
                continue
            assert not landed, f"a record of A landed in {topic}"


def _knocking(world: World) -> Call:
    async def call(key: str) -> Any:
        async with _socket(world, key) as socket:
            await socket.send(_hello(world))
            return await _answers(world, socket, key, "welcome")

    return call


def _greeting(world: World, name: str) -> Call:
    async def call(text: str) -> Any:
        async with _socket(world, world.a.bridge_key) as socket:
            await socket.send(_hello(world, **{name: text}))
            return await _answers(world, socket, text, "welcome")

    return call


def _batch(world: World, name: str) -> Call:
    """A batch of no rows; a field that is no text gets a number if the text is one."""

    async def call(text: str) -> Any:
        contract = world.a.contract
        identity = (f"{HALL}-bridge", _INCARNATION, HALL, _LANE, 1, 0)
        header = BatchHeader(*identity, contract.id, contract.version, contract.sha256, digest(_PAYLOAD))
        value: object = int(text) if text.isdecimal() else text
        async with _socket(world, world.a.bridge_key) as socket:
            await socket.send(_hello(world))
            await _answers(world, socket, text, "welcome")
            head = json.dumps({**asdict(header), name: value}).encode()
            await socket.send(struct.pack("<I", len(head)) + head + _PAYLOAD)
            return await _answers(world, socket, text, "ack")

    return call


def _saying(world: World, kind: str) -> Call:
    """Any message of the protocol in the place of a batch, then a batch: it must be answered as if nothing was said."""

    async def call(text: str) -> Any:
        contract = world.a.contract
        identity = (f"{HALL}-bridge", _INCARNATION, HALL, _LANE, 1, 0)
        header = BatchHeader(*identity, contract.id, contract.version, contract.sha256, digest(_PAYLOAD))
        async with _socket(world, world.a.bridge_key) as socket:
            await socket.send(_hello(world))
            await _answers(world, socket, text, "welcome")
            await socket.send(json.dumps({"type": kind, **_said(kind, text)}))
            await socket.send(pack_frame(header, _PAYLOAD))
            return await _answers(world, socket, text, "ack")

    return call


def _said(kind: str, text: str) -> dict[str, object]:
    """A message with a text where it takes one."""
    now = datetime.now(UTC).isoformat()
    counts = ("outbox_batches", "outbox_rows", "outbox_bytes", "disk_free_bytes", "memory_bytes", "cpu_percent")
    health = {"version": text, "contract": text, "started_at": now, "drivers": [], "outbox_oldest_s": None}
    told: dict[str, dict[str, object]] = {
        "heartbeat": {"sent_at": now, "health": health | dict.fromkeys(counts, 0)},
        "welcome": {"protocol": 1, "credit": 8, "tenant": text},
        "ack": {"incarnation": _INCARNATION, "lane": text, "seq": 7},
        "refused": {"lane": text, "seq": 7, "reason": text},
        "error": {"reason": text, "retry": True},
        "tool_call": {"id": "0" * 8, "tool": "look", "arguments": {}, "timeout_ms": 1, "asked_by": text},
        "tool_cancel": {"id": text},
        "tool_answer": {"id": text, "outcome": "ok", "message": text},
        "contract": {"source": text, "sha256": text},
        "contract_answer": {"sha256": text, "accepted": True, "reason": text},
    }
    return told[kind]
