"""Requests to a provider end: in an answer, or in one of two errors."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

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
