"""What the browser carries: bound to a provider and an installation, unread, unchanged, for minutes; paths of ours."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from uuid import uuid4

import pytest

from core.errors import InputError
from core.identity.federation.errors import RefusedError
from core.identity.federation.ticket import Ticket, TicketSeal, local_path
from core.run.folder import RunFolder
from core.settings import PostgresSettings, Settings


@pytest.fixture
def sealer(reachable: Path) -> TicketSeal:
    return TicketSeal(RunFolder.open(reachable / "run", Settings(postgres=PostgresSettings(durable=False))))


def test_a_ticket_comes_back_as_it_was_and_cannot_be_read_on_the_way(sealer: TicketSeal):
    provider, ticket = uuid4(), Ticket.new("/fleet?day=1")

    cookie = sealer.seal(provider, ticket)

    assert sealer.open(provider, cookie) == ticket
    assert ticket.verifier not in cookie
    assert sealer.seal(provider, ticket) != cookie


def test_another_provider_another_installation_or_a_changed_bit_opens_nothing(sealer: TicketSeal, reachable: Path):
    provider, ticket = uuid4(), Ticket.new("/")
    cookie = sealer.seal(provider, ticket)
    elsewhere = TicketSeal(RunFolder.open(reachable / "other", Settings()))
    turned = cookie[:30] + ("A" if cookie[30] != "A" else "B") + cookie[31:]

    for sealing, who, what in (
        (sealer, uuid4(), cookie),
        (elsewhere, provider, cookie),
        (sealer, provider, turned),
        (sealer, provider, "é"),
        (sealer, provider, ""),
        (sealer, provider, None),
    ):
        with pytest.raises(RefusedError):
            sealing.open(who, what)


def test_a_ticket_expires(sealer: TicketSeal):
    provider, ticket = uuid4(), Ticket.new("/")
    late = dataclasses.replace(ticket, expires_at=int(time.time()) - 1)

    with pytest.raises(RefusedError, match="expired"):
        sealer.open(provider, sealer.seal(provider, late))


@pytest.mark.parametrize("target", ["/", "/fleet/pump-1?from=2024-01-01#chart", "/a//b", "/%2F%2Fevil.example"])
def test_a_path_of_this_service_is_a_target(target: str):
    assert local_path(target) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "fleet",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        " /",
        "/" + "a" * 600,
    ],
)
def test_nothing_else_is(target: str):
    with pytest.raises(InputError, match="not a place"):
        local_path(target)
