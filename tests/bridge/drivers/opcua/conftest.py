"""Real OPC UA servers with history, users and certificates, one of them in a process that can be frozen and killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from bridge.drivers.opcua.driver import OpcuaDriver
from core.contracts.quality import GOOD
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from tests.opcua import initialise

START = datetime(2024, 1, 1, tzinfo=UTC)
T0 = 1_704_067_200_000_000


def variable(value: Any) -> ua.Variant:
    return value if isinstance(value, ua.Variant) else ua.Variant(value)


@dataclass
class Plant:
    """A server with the folder `2:Plant` below Objects; its nodes are `ns=2;s=<name>`."""

    port: int
    server: Server = field(default_factory=Server)
    running: bool = False

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    async def start(self, secure: tuple[Path, Path] | None = None, **nodes: Any) -> None:
        await initialise(self.server)
        self.server.set_endpoint(self.endpoint)
        if secure is None:
            self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            await self.server.set_application_uri("urn:plant:server")
            self.server.set_security_policy(
                [
                    ua.SecurityPolicyType.NoSecurity,
                    ua.SecurityPolicyType.Basic256Sha256_Sign,
                    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ]
            )
            await self.server.load_certificate(secure[0])
            await self.server.load_private_key(secure[1])
        await self.server.register_namespace("urn:plant")
        self.folder = await self.server.nodes.objects.add_folder(ua.NodeId("Plant", 2), "2:Plant")
        for name, value in nodes.items():
            await self.add(name, value)
        await self.server.start()
        self.running = True

    async def add(self, name: str, value: Any) -> None:
        await self.folder.add_variable(ua.NodeId(name, 2), f"2:{name}", variable(value))

    async def keep_history(self, name: str) -> None:
        node = self.server.get_node(f"ns=2;s={name}")
        await self.server.historize_node_data_change(node, period=None, count=10_000)

    async def remembers(self, name: str, second: float) -> None:
        """Wait until the history has the value of a second: it is written a moment later."""
        storage = self.server.iserver.history_manager.storage
        moment = START + timedelta(seconds=second)
        async with asyncio.timeout(60):
            while True:
                values, _ = await storage.read_node_history(ua.NodeId(name, 2), None, None, 0)
                if any(one.SourceTimestamp == moment for one in values):
                    return
                await asyncio.sleep(0.02)

    async def put(self, name: str, second: float, value: Any, status: int = GOOD) -> None:
        moment = START + timedelta(seconds=second)
        data = ua.DataValue(variable(value), ua.StatusCode(ua.UInt32(status)), moment, moment)
        await self.server.write_attribute_value(ua.NodeId(name, 2), data)

    async def stop(self) -> None:
        if self.running:
            self.running = False
            await self.server.stop()


@pytest.fixture
async def plant(build) -> AsyncIterator[Plant]:
    """A server, not started."""
    one = Plant(build.free_port())
    yield one
    await one.stop()


def site_of(endpoint: str, signals: dict[str, dict[str, Any]], **more: Any) -> SiteFile:
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "opcua",
            "endpoint": endpoint,
            "equipment": [
                {
                    "id": "p1",
                    "type": "pump",
                    "signals": [{"name": name, "address": f"ns=2;s={name}"} | said for name, said in signals.items()],
                }
            ],
            **more,
        }
    )


@pytest.fixture(scope="session")
def make_site() -> Callable[..., SiteFile]:
    """The builder of sites of one pump."""
    return site_of


async def read_until(driver: OpcuaDriver, enough: Callable[[list[Sample]], bool]) -> list[Sample]:
    samples: list[Sample] = []
    async with asyncio.timeout(60):
        while not enough(samples):
            scan = await driver.read()
            samples += [*scan.samples, *(one for block in scan.blocks for one in block.samples())]
    return samples


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Reads until what came is enough."""
    return read_until


@dataclass(frozen=True)
class Keys:
    """Certificates and keys, made once."""

    server: tuple[Path, Path]
    bridge: tuple[Path, Path]
    stranger: tuple[Path, Path]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Self-signed certificates of a server, of a bridge and of a stranger."""
    folder = tmp_path_factory.mktemp("keys")

    def make(name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.der", folder / f"{name}.pem"
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        asyncio.run(setup_self_signed_certificate(key, certificate, f"urn:plant:{name}", "127.0.0.1", uses, {}))
        key.chmod(0o600)
        return certificate, key

    return Keys(make("server"), make("bridge"), make("stranger"))


_SERVER = """
import asyncio, gc, sys
from datetime import UTC, datetime, timedelta
from asyncua import Server, ua

async def main():
    server = Server()
    gc.disable()
    await server.init()
    gc.enable()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{sys.argv[1]}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:plant")
    await server.nodes.objects.add_variable(ua.NodeId("flow", 2), "2:flow", 0.0)
    await server.start()
    node = server.get_node("ns=2;s=flow")
    await server.historize_node_data_change(node, period=None, count=10_000)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for second in range(1, int(sys.argv[2]) + 1):
        moment = start + timedelta(seconds=second)
        await server.write_attribute_value(
            ua.NodeId("flow", 2), ua.DataValue(ua.Variant(float(second)), None, moment, moment)
        )
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Process:
    """A server that can be frozen and killed; it starts with so many seconds of `flow` behind it."""

    port: int
    running: subprocess.Popen[str] | None = None

    def start(self, seconds: int) -> None:
        self.running = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(self.port), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        assert self.running.stdout is not None
        assert self.running.stdout.readline() == "up\n"

    def send(self, number: signal.Signals) -> None:
        assert self.running is not None
        self.running.send_signal(number)

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.communicate()
            self.running = None


@pytest.fixture
def process(build) -> Iterator[Process]:
    """A server in a process of its own, not started."""
    one = Process(build.free_port())
    yield one
    one.kill()
