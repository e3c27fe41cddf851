"""Requests to a provider end: in an answer, or in one of two errors."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.identity.federation.errors import ProviderDownError, ProviderFaultError
from core.identity.federation.fetch import Fetcher, Kept, check_address


class _Provider(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {
            "/good": (200, b'{"issuer": "me"}'),
            "/list": (200, b"[1]"),
            "/page": (200, b"<html>"),
            "/large": (200, b" " * (2 << 20)),
            "/gone": (404, b"{}"),
            "/moved": (302, b""),
            "/broken": (503, b""),
        }[self.path]
        self.send_response(status)
        self.send_header("location", "/good")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    opened = Fetcher()
    yield opened
    await opened.close()


async def test_an_answer_is_read(fetcher: Fetcher, server: str):
    assert (await fetcher.get(f"{server}/good")).json() == {"issuer": "me"}


@pytest.mark.parametrize("path", ["list", "page", "large", "gone", "moved"])
async def test_what_cannot_be_used_is_a_fault(fetcher: Fetcher, server: str, path: str):
    with pytest.raises(ProviderFaultError) as raised:
        (await fetcher.get(f"{server}/{path}")).json()

    assert raised.value.where == f"{server}/{path}"


async def test_a_provider_that_is_away_or_broken_is_down(fetcher: Fetcher, server: str):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        for address in (closed, f"{server}/broken"):
            with pytest.raises(ProviderDownError):
                await fetcher.get(address)


async def test_a_provider_that_takes_the_call_and_says_nothing_is_down():
    impatient = Fetcher(whole_s=0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ProviderDownError):
        await impatient.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    await impatient.close()


@dataclass
class Certified:
    """A server with a certificate of its own making."""

    address: str
    file: Path


@contextmanager
def certified(folder: Path, name: str, days: int) -> Iterator[Certified]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "id.example")])
    ends = datetime.now(UTC) + timedelta(days=days)
    built = x509.CertificateBuilder(subject, subject, key.public_key(), 1, ends - timedelta(days=30), ends)
    host = x509.IPAddress(ip_address(name))
    built = built.add_extension(x509.SubjectAlternativeName([host]), critical=False)
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file, secret = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as running:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file, secret)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        Thread(target=running.serve_forever, daemon=True).start()
        yield Certified(f"https://127.0.0.1:{running.server_port}/good", file)
        running.shutdown()


@pytest.mark.parametrize(
    ("name", "days", "known", "says"),
    [
        ("127.0.0.1", 1, True, None),
        ("127.0.0.1", 1, False, "self-signed"),
        ("127.0.0.1", -1, True, "expired"),
        ("127.0.0.2", 1, True, "mismatch"),
    ],
    ids=["good", "of an unknown authority", "expired", "another's"],
)
async def test_a_certificate_must_be_trusted(
    fetcher: Fetcher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    days: int,
    known: bool,
    says: str | None,
):
    with certified(tmp_path, name, days) as server:
        if known:
            monkeypatch.setenv("SSL_CERT_FILE", str(server.file))
        if says is None:
            assert (await fetcher.get(server.address)).status == 200
            return
        with pytest.raises(ProviderFaultError, match="certificate is not trusted") as raised:
            await fetcher.get(server.address)
    assert says in str(raised.value.received)


@pytest.mark.parametrize(
    "address", ["https://id.example/", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost"]
)
def test_an_address_that_may_be_asked(address: str):
    check_address(address)


@pytest.mark.parametrize(
    "address",
    ["http://id.example/", "http://127.0.0.1.evil.example/", "file:///etc/passwd", "https://", "https://a:b/", "id"],
)
def test_an_address_that_may_not(address: str):
    with pytest.raises(ProviderFaultError, match="not an address"):
        check_address(address)


def test_what_is_kept_ages():
    now = [100.0]
    kept: Kept[str] = Kept(60.0, lambda: now[0])

    assert kept.get("a") is None
    assert kept.put("a", "one") == kept.get("a") == "one"
    now[0] += 30
    assert (kept.get("a"), kept.get("a", newer_than_s=10)) == ("one", None)
    now[0] += 31
    assert kept.get("a") is None
