"""Fixtures of the bridge's tests: a gateway that keeps what it is sent, and sites small enough to reason about."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from core.contracts.batch import BatchHeader, unpack
from core.contracts.data_contract import DataContract
from core.contracts.frames import (
    Ack,
    ContractAnswer,
    ContractUpdate,
    Error,
    Heartbeat,
    Hello,
    Refused,
    Welcome,
    parse_message,
    unpack_frame,
)
from core.contracts.odcs import check_against_site, parse_contract
from core.contracts.site import SiteFile
from core.run.ports import free_port as a_free_port

KEY = "a-key-of-this-test"


@dataclass
class Gateway:
    """Speaks the gateway's side of the protocol and keeps every batch by (incarnation, lane, seq)."""

    port: int
    credit: int = 8
    refuse: str = ""
    acknowledges: bool = True
    batches: dict[tuple[str, str, int], tuple[BatchHeader, bytes]] = field(default_factory=dict)
    arrived: list[tuple[str, int]] = field(default_factory=list)
    hellos: list[Hello] = field(default_factory=list)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    resent_differently: list[tuple[str, int]] = field(default_factory=list)
    refuse_batches: set[tuple[str, int]] = field(default_factory=set)
    turned_away: int = 0
    protocol: int = 2
    push: list[ContractUpdate] = field(default_factory=list)
    answers: list[ContractAnswer] = field(default_factory=list)
    server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.server = await serve(self._talk, "127.0.0.1", self.port, process_request=self._door, max_size=1 << 24)

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close(close_connections=True)
            await self.server.wait_closed()
            self.server = None

    def _door(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            self.turned_away += 1
            return connection.respond(401, "who are you\n")
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        try:
            hello = parse_message(str(await connection.recv()))
            assert isinstance(hello, Hello)
            self.hellos.append(hello)
            if self.refuse:
                await connection.send(Error(reason=self.refuse, retry=False).model_dump_json())
                return
            welcome = Welcome(protocol=self.protocol, credit=self.credit, tenant="test")
            await connection.send(welcome.model_dump_json())
            for one in self.push:
                await connection.send(one.model_dump_json())
            async for frame in connection:
                if isinstance(frame, str):
                    message = parse_message(frame)
                    if isinstance(message, ContractAnswer):
                        self.answers.append(message)
                        continue
                    assert isinstance(message, Heartbeat)
                    self.heartbeats.append(message)
                    continue
                await self._keep(connection, frame)
        except ConnectionClosed:
            return

    async def _keep(self, connection: ServerConnection, frame: bytes) -> None:
        header, payload = unpack_frame(frame)
        key = (header.incarnation, header.lane, header.seq)
        if key in self.batches and self.batches[key][1] != payload:
            self.resent_differently.append((header.lane, header.seq))
        self.batches.setdefault(key, (header, payload))
        self.arrived.append((header.lane, header.seq))
        if (header.lane, header.seq) in self.refuse_batches:
            await connection.send(Refused(lane=header.lane, seq=header.seq, reason="no").model_dump_json())
        elif self.acknowledges:
            ack = Ack(incarnation=header.incarnation, lane=header.lane, seq=header.seq)
            await connection.send(ack.model_dump_json())

    def table(self, kind: str) -> pa.Table:
        """All rows of one kind of lane, every batch once."""
        tables = [unpack(p)[0] for (_, lane, _), (_, p) in sorted(self.batches.items()) if lane.startswith(kind)]
        return pa.concat_tables([t.unify_dictionaries() for t in tables]) if tables else pa.table({})

    def counts(self) -> dict[tuple[str, str], dict[str, int]]:
        """Sums of the counts blocks by equipment and signal."""
        sums: dict[tuple[str, str], dict[str, int]] = {}
        for _, payload in self.batches.values():
            for row in unpack(payload)[1].to_pylist():
                line = sums.setdefault((row["equipment_id"], row["signal"]), {})
                for name, number in row.items():
                    if isinstance(number, int):
                        line[name] = line.get(name, 0) + number
        return sums


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A listening gateway."""
    one = Gateway(a_free_port())
    await one.start()
    yield one
    await one.stop()


async def until(condition, seconds: float = 60.0) -> None:
    """Wait for a condition; fails the test if it never holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  what is waited for knows no event
            await asyncio.sleep(0.02)


def as_json_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as comparable text, their order aside."""
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)


CONTRACT_HEAD = """
apiVersion: v3.1.0
kind: DataContract
id: loop
version: 1.0.0
status: active
schema:
  - name: pump
    properties:
"""


@dataclass(frozen=True)
class Built:
    """A site and its contract."""

    site: SiteFile
    contract: DataContract


class Builder:
    """Builds small sites: machines of the type `pump`, and a contract from the text of its properties."""

    until = staticmethod(until)
    free_port = staticmethod(a_free_port)
    as_json_rows = staticmethod(as_json_rows)
    key = SecretStr(KEY)

    def __call__(
        self,
        properties: str,
        *,
        rules: str = "",
        machines: tuple[str, ...] = ("p1",),
        signals: tuple[str, ...] = ("flow", "level"),
        **site: Any,
    ) -> Built:
        form = SiteFile.model_validate(
            {
                "tenant": "newcomer-co",
                "site": "loop",
                "protocol": "modbus",
                "equipment": [
                    {"id": one, "type": "pump", "signals": [{"name": name} for name in signals]} for one in machines
                ],
                **site,
            }
        )
        text = CONTRACT_HEAD + textwrap.indent(textwrap.dedent(properties).strip("\n"), " " * 6)
        if rules:
            value = textwrap.indent(textwrap.dedent(rules).strip("\n"), " " * 6)
            text += f"\ncustomProperties:\n  - property: rules\n    value:\n{value}\n"
        contract = parse_contract(text, where="test")
        check_against_site(contract, form, where="test")
        return Built(form, contract)


@pytest.fixture(scope="session")
def build() -> Builder:
    """The builder of small sites."""
    return Builder()
