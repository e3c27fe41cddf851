"""The way back from a provider whose key changes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest

from core.identity.federation.claimed import Claimed
from core.identity.federation.errors import ProviderFaultError, RefusedError
from core.identity.federation.fetch import Fetcher
from core.identity.federation.providers import Provider
from core.identity.federation.saml.flow import SamlFlow
from core.identity.federation.ticket import Ticket
from tests.core.identity.federation.saml.conftest import DOOR, ISSUER, SIGN_ON, Said, Signer, written


@dataclass
class Published:
    """Metadata at an address."""

    text: str
    address: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def published(signer: Signer) -> Iterator[Published]:
    one = Published(written(signer))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            one.asked.append(self.path)
            body = one.text.encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        one.address = f"http://127.0.0.1:{server.server_port}/metadata"
        yield one
        server.shutdown()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    opened = Fetcher()
    yield opened
    await opened.close()


async def come_back(flow: SamlFlow, published: Published, signer: Signer) -> Claimed:
    url = published.address
    provider = Provider(uuid4(), "corp", "Corp", "saml", ISSUER, None, url, None, (), True, None, True, False)
    ticket = Ticket.new("/")
    assert (await flow.begin(provider, ticket, DOOR)).startswith(SIGN_ON)
    said = Said(response={"InResponseTo": ticket.id}, confirmation={"InResponseTo": ticket.id})
    document = base64.b64encode(said.around(signer.sign(said.assertion())).encode()).decode()
    return (await flow.finish(provider, ticket, DOOR, document)).claimed


async def test_a_key_that_changed_is_asked_for_again_but_not_for_every_stranger(
    fetcher: Fetcher, published: Published, signer: Signer, stranger: Signer
):
    flow, eager = SamlFlow(fetcher), SamlFlow(fetcher, ask_again_s=0.0)
    for one in (flow, eager):
        assert await come_back(one, published, signer) == Claimed("s-1", "ann@north.example", "Ann", True)
    assert len(published.asked) == 2

    # Nobody's key becomes good by being asked about.
    for one in (flow, eager):
        with pytest.raises(RefusedError):
            await come_back(one, published, stranger)
    assert len(published.asked) == 3
    published.text = written(stranger)
    assert (await come_back(eager, published, stranger)).verified
    with pytest.raises(RefusedError):
        await come_back(flow, published, stranger)
    with pytest.raises(RefusedError):
        await come_back(eager, published, signer)


async def test_metadata_that_became_another_provider_s_are_not_believed(
    fetcher: Fetcher, published: Published, signer: Signer, stranger: Signer
):
    flow = SamlFlow(fetcher, ask_again_s=0.0)
    await come_back(flow, published, signer)
    published.text = written(stranger, entity="https://evil.example")

    with pytest.raises(ProviderFaultError, match="another provider's"):
        await come_back(flow, published, stranger)
