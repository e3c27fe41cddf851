"""The real link over TLS: whom the bridge believes, and which certificates the gateway takes beside a key."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.protocol import State

from bridge.config import BridgeConfig
from bridge.health import Monitor
from bridge.in_force import Contracts
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.store import Store, transaction
from bridge.tls import client_context
from bridge.uplink import Link, Uplink
from core.contracts.data_contract import DataContract
from core.contracts.lanes import LaneKind
from core.contracts.reading import readings_to_arrow
from core.contracts.site import SiteFile
from core.errors import InputError
from core.eventlog.memory import MemoryLog
from core.settings import BridgeSettings, GatewaySettings
from ingestion.gateway.server import Gateway
from tests.ingestion.conftest import sample
from tests.ingestion.gateway.conftest import KEY, READINGS, OneBridge, SulkyLog, records

NAME = "plant-a-bridge.acme-works"


def certificate(
    name: str, folder: Path, host: str, authority: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None
):
    """`<host>.pem` and `<host>.key` of a certificate of that name; signed by itself if by no authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = authority or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            issuer, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{host}.pem").write_bytes(made.public_bytes(pem))
    (folder / f"{host}.key").write_bytes(key.private_bytes(pem, pkcs8, plain))
    return subject, key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of an authority: the gateway's, the bridge's, another bridge's; and one of a stranger."""
    authority = certificate("authority", tmp_path, "authority")
    for name, file in (("localhost", "gateway"), (NAME, "bridge"), ("plant-b-bridge.acme-works", "other")):
        certificate(name, tmp_path, file, authority)
    certificate("stranger", tmp_path, "stranger")
    return tmp_path


@asynccontextmanager
async def listening(log: MemoryLog, door: OneBridge, folder: Path, **more: Path) -> AsyncIterator[str]:
    settings = GatewaySettings(tls_certificate=folder / "gateway.pem", tls_key=folder / "gateway.key", **more)
    async with Gateway(log, door, settings).serving(0) as server:
        yield f"wss://localhost:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(partitions=1)


@pytest.fixture
def door(site: SiteFile, contract: DataContract) -> OneBridge:
    return OneBridge(site, contract)


@asynccontextmanager
async def linked(
    site: SiteFile, contract: DataContract, url: str, home: Path, **settings: object
) -> AsyncIterator[Outbox]:
    """A bridge with one batch in its outbox."""
    told = BridgeSettings.model_validate({"reconnect_max_s": 0.2, **settings})
    with Store.open(home) as store:
        connection = store.connect()
        writer = OutboxWriter(Sender("plant-a-bridge", "a1", "plant-a", contract), 10)
        with transaction(connection):
            writer.put(connection, LaneKind.READINGS, readings_to_arrow("plant-a", [sample(0)]), None, live=True)
        outbox, stop = Outbox(connection), asyncio.Event()
        config = BridgeConfig(site, contract, home, url, SecretStr(KEY), "plant-a-bridge", told)
        contracts = Contracts(site, contract)
        monitor = Monitor(config, store, [], contracts)
        uplink = Uplink(config, "a1", outbox, Link(), asyncio.Event(), monitor.look, contracts)
        running = asyncio.create_task(uplink.run(stop))
        try:
            yield outbox
        finally:
            stop.set()
            await running
            connection.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  what is waited for knows no event
            await asyncio.sleep(0.02)


async def test_a_bridge_believes_its_own_authority_and_shows_its_certificate(
    folder: Path, log: MemoryLog, door: OneBridge, site: SiteFile, contract: DataContract
) -> None:
    shown = {"certificate": folder / "bridge.pem", "certificate_key": folder / "bridge.key"}
    async with (
        listening(log, door, folder, client_ca=folder / "authority.pem") as url,
        linked(site, contract, url, folder / "home", gateway_ca=folder / "authority.pem", **shown) as outbox,
    ):
        await until(lambda: outbox.backlog().batches == 0)
    assert len(await records(log, READINGS)) == 1


@pytest.mark.parametrize(
    ("trust", "shown", "asked", "says"),
    [
        (None, None, False, "GATEWAY_CA"),
        ("stranger", None, False, "certificate is not trusted"),
        ("authority", None, True, f"asks for a client certificate; expected {NAME}"),
        ("authority", "other", True, "the client certificate is not that of this key's bridge"),
        ("authority", "stranger", True, "gateway cannot be reached"),
    ],
)
async def test_who_cannot_be_believed_gets_nothing_and_is_told_why(
    folder: Path,
    log: MemoryLog,
    door: OneBridge,
    site: SiteFile,
    contract: DataContract,
    trust: str | None,
    shown: str | None,
    asked: bool,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings: dict[str, object] = {"gateway_ca": folder / f"{trust}.pem"} if trust else {}
    if shown:
        settings |= {"certificate": folder / f"{shown}.pem", "certificate_key": folder / f"{shown}.key"}
    asks = {"client_ca": folder / "authority.pem"} if asked else {}
    said: list[str] = []

    def told() -> bool:
        said.append("".join(capsys.readouterr()))
        return says in "".join(said)

    async with (
        listening(log, door, folder, **asks) as url,
        linked(site, contract, url, folder / "home", **settings) as outbox,
    ):
        await until(told)
        assert outbox.backlog().batches == 1
    await log.ensure_topics([READINGS])
    assert await records(log, READINGS) == []


def test_files_that_are_no_certificates_are_named(folder: Path) -> None:
    (folder / "notes.txt").write_text("no certificate")
    for field in ("gateway_ca", "certificate"):
        for file in ("notes.txt", "missing.pem"):
            with pytest.raises(InputError, match=f"GOLDLAYER_BRIDGE__{field.upper()}"):
                client_context("wss://gateway", BridgeSettings.model_validate({field: folder / file}))
    assert client_context("ws://127.0.0.1:1", BridgeSettings(gateway_ca=folder / "missing.pem")) is None


async def test_a_gateway_asks_for_certificates_only_over_tls(folder: Path, log: MemoryLog, door: OneBridge) -> None:
    with pytest.raises(InputError, match="client certificates need TLS"):
        async with Gateway(log, door, GatewaySettings(client_ca=folder / "authority.pem")).serving(0):
            pass
    with pytest.raises(InputError, match="CLIENT_CA"):
        async with listening(log, door, folder, client_ca=folder / "missing.pem"):
            pass


async def test_with_a_certificate_it_speaks_tls(
    log: SulkyLog, door: OneBridge, contract: DataContract, tmp_path: Path
) -> None:
    certificate("localhost", tmp_path, "localhost")
    settings = GatewaySettings(tls_certificate=tmp_path / "localhost.pem", tls_key=tmp_path / "localhost.key")
    async with Gateway(log, door, settings).serving(0) as server:
        port = server.sockets[0].getsockname()[1]
        trust = ssl.create_default_context(cafile=tmp_path / "localhost.pem")
        headers = {"Authorization": f"Bearer {KEY}"}
        async with connect(f"wss://localhost:{port}", ssl=trust, additional_headers=headers, proxy=None) as socket:
            assert socket.state is State.OPEN
    with pytest.raises(InputError, match="TLS certificate"):
        async with Gateway(log, door, settings.model_copy(update={"tls_key": tmp_path / "localhost.pem"})).serving(0):
            pass


async def test_plain_ws_stays_on_loopback(log: SulkyLog, door: OneBridge) -> None:
    with pytest.raises(InputError, match="loopback only"):
        async with Gateway(log, door, GatewaySettings(host="0.0.0.0")).serving(0):
            pass
