"""How often strangers may try the doors, over the wire, with two processes behind it.

Buckets fill up again while a busy machine is slow: tests ask until they are refused, and count what was let through.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from core.audit import Actor
from core.db import TenantScope
from core.identity import Authority
from core.identity.passwords import hash_password
from core.settings import IdentitySettings, Settings
from core.tenancy import Tenancy
from tests.agents.api.accounts import House, house_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
BY = Authority(Actor.command("test"), None)
PASSWORD = "a long enough password"
AT_ACCOUNT, AT_TENANT, FROM_ADDRESS = 2, 4, 7
_SIGN_IN, _REFRESH, _ACCEPT = "/api/v1/auth/sign-in", "/api/v1/auth/refresh", "/api/v1/auth/invitations/accept"
_SLUGS = ("street-one", "street-two")
_hashed: list[str] = []
Wire = list[httpx.AsyncClient]


@dataclass
class Street:
    """Two processes of a service with two tenants, and strangers with an address each."""

    houses: list[House]
    scopes: list[TenantScope]
    stack: AsyncExitStack
    mark: str

    async def somebody(self) -> Wire:
        """The wire to each process, from an address nobody had before."""
        drawn = uuid4().hex
        address = f"2001:db8:{drawn[:4]}:{drawn[4:8]}::1"
        return [await self.stack.enter_async_context(house.client(address=address)) for house in self.houses]

    def form(self, name: str = "ann", password: str = "wrong, but long", tenant: int = 0) -> dict[str, str]:
        return {"tenant": _SLUGS[tenant], "email": f"{name}-{self.mark}@street.example", "password": password}


@pytest.fixture
async def street(prepared: Installation) -> AsyncIterator[Street]:
    if not _hashed:
        _hashed.append(await hash_password(PASSWORD))
    few = IdentitySettings(
        failures_per_account_minute=AT_ACCOUNT,
        failures_per_address_and_tenant_minute=AT_TENANT,
        failures_per_address_minute=FROM_ADDRESS,
    )
    settings: Settings = prepared.settings.model_copy(update={"identity": few})
    async with AsyncExitStack() as stack:
        houses = []
        for _ in range(2):
            process = await Tenancy.open(prepared.run, prepared.postgres, prepared.settings)
            await stack.enter_async_context(process)
            houses.append(await stack.enter_async_context(house_of(process, prepared, settings=settings)))
        scopes = [await houses[0].tenancy.create(slug, slug, actor=BY.actor) for slug in _SLUGS]
        made = Street(houses, scopes, stack, uuid4().hex[:8])
        for scope in scopes:
            await houses[0].service.members.add(
                scope, made.form()["email"], "Ann", _hashed[0], "viewer", actor=BY.actor
            )
        yield made


Ask = Callable[[int], Awaitable[httpx.Response]]


async def _until_refused(ask: Ask, size: int) -> tuple[httpx.Response, httpx.Response]:
    """A failure and the refusal that ends them: after as many as the bucket holds and what came back meanwhile."""
    began, told = time.monotonic(), [await ask(0)]
    while told[-1].status_code == 401:
        told.append(await ask(len(told)))
    came_back = (time.monotonic() - began) * size / 60
    assert told[-1].status_code == 429
    assert size <= len(told) - 1 <= size + came_back + 1
    return told[0], told[-1]


def _shown(answer: httpx.Response) -> tuple[Any, ...]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-correlation-id")}
    text = answer.text.replace(answer.headers["x-correlation-id"], "it")
    return answer.status_code, headers | {"retry-after": "retry-after" in headers}, text


async def test_failures_at_one_account_are_counted_together_and_tell_nothing_of_it(street: Street):
    wires = [await street.somebody() for _ in range(2)]

    def at(name: str, wire: Wire) -> Ask:
        return lambda n: wire[n % 2].post(_SIGN_IN, json=street.form(name))

    known = await _until_refused(at("ann", wires[0]), AT_ACCOUNT)
    unknown = await _until_refused(at("nobody", wires[1]), AT_ACCOUNT)

    assert [_shown(one) for one in known] == [_shown(one) for one in unknown]
    refused = known[1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 60 / AT_ACCOUNT + 1
    assert (refused.json()["status"], refused.json()["title"]) == (429, "Too many requests")
    # Wherever one comes from, however the address is spelt, and whatever the password is.
    spelt = street.form("ann", PASSWORD) | {"email": street.form("ann")["email"].upper()}
    assert _shown(await wires[1][0].post(_SIGN_IN, json=spelt)) == _shown(refused)


async def test_nobody_tries_domain_after_domain_to_see_who_is_a_tenant(street: Street):
    wire, told = await street.somebody(), list[httpx.Response]()
    while not told or told[-1].status_code == 200:
        told.append(
            await wire[len(told) % 2].post("/api/v1/auth/ways", json={"email": f"ann@guess-{len(told)}.example"})
        )
    assert told[-1].status_code == 429
    assert len(told) > FROM_ADDRESS
    assert {one.text for one in told[:-1]} == {"[]"}


@pytest.mark.parametrize("path", ["providers", "oidc/corp/start", "saml/corp/start", "saml/corp/metadata"])
async def test_nobody_tries_tenant_after_tenant_at_a_door_without_a_password(street: Street, path: str):
    """A tenant that exists and offers nothing there is answered like one that does not, up to the refusal and in it."""
    wires, shown = [await street.somebody() for _ in range(2)], list[list[Any]]()
    for slug, wire in zip((_SLUGS[0], "no-such-co"), wires, strict=True):
        told = [await wire[0].get(f"/api/v1/auth/{slug}/{path}")]
        while told[-1].status_code != 429:
            told.append(await wire[len(told) % 2].get(f"/api/v1/auth/{slug}/{path}"))
        assert len(told) > AT_TENANT
        shown.append([_shown(told[0]), _shown(told[-1])])
        assert "retry-after" in told[-1].headers
    assert shown[0] == shown[1]
    guesser, guessed = await street.somebody(), 0
    while (await guesser[guessed % 2].get(f"/api/v1/auth/guess-{guessed}/{path}")).status_code != 429:
        guessed += 1
    assert guessed >= FROM_ADDRESS


async def test_one_tenant_s_noise_from_an_address_leaves_another_its_turn(street: Street):
    noisy = await street.somebody()
    await _until_refused(lambda n: noisy[n % 2].post(_SIGN_IN, json=street.form(f"guess-{n}")), AT_TENANT)
    for n in range(FROM_ADDRESS):
        await noisy[n % 2].post(_SIGN_IN, json=street.form(f"more-{n}"))

    right = await noisy[0].post(_SIGN_IN, json=street.form("ann", PASSWORD, tenant=1))
    elsewhere = await (await street.somebody())[0].post(_SIGN_IN, json=street.form("ann", PASSWORD))

    assert [one.status_code for one in (right, elsewhere)] == [200, 200]


async def test_an_address_that_tries_every_door_has_an_end_whether_they_exist_or_not(street: Street):
    wire = await street.somebody()

    def made_up(n: int) -> Awaitable[httpx.Response]:
        return wire[n % 2].post(_SIGN_IN, json=street.form() | {"tenant": f"made-up-{n}"})

    _, refused = await _until_refused(made_up, FROM_ADDRESS)

    assert _shown(await wire[0].post(_SIGN_IN, json=street.form("ann", PASSWORD))) == _shown(refused)


async def test_what_is_right_costs_nothing_and_guesses_at_once_all_count(street: Street):
    office = await street.somebody()
    for n in range(AT_TENANT + 1):
        assert (await office[n % 2].post(_SIGN_IN, json=street.form("ann", PASSWORD))).status_code == 200

    began = time.monotonic()
    crowd = [office[n % 2].post(_SIGN_IN, json=street.form("bob")) for n in range(6)]
    told = [one.status_code for one in await asyncio.gather(*crowd)]

    came_back = (time.monotonic() - began) * AT_ACCOUNT / 60
    assert AT_ACCOUNT <= told.count(401) <= AT_ACCOUNT + came_back + 1
    assert set(told) == {401, 429}


@pytest.mark.parametrize("door", ["refresh", "invitation", "reset", "key"])
async def test_tokens_that_are_none_are_limited_each_and_by_address(street: Street, door: str):
    made = await street.houses[0].service.api_keys.create(street.scopes[0], "export", "x", ["viewer"], by=BY)
    prefix = made.key.split("_")[1]

    async def knock(client: httpx.AsyncClient, word: str) -> httpx.Response:
        token = f"{word}-{street.mark}"
        if door == "key":
            return await client.get("/api/v1/roles", headers={"authorization": f"Bearer gl_{prefix}_{token:A<43}"})
        if door == "refresh":
            return await client.post(_REFRESH, json={}, headers={"cookie": f"goldlayer_refresh={token}"})
        path = _ACCEPT if door == "invitation" else "/api/v1/auth/password-reset"
        return await client.post(path, json={"token": token, "password": PASSWORD})

    stale, guesser = await street.somebody(), await street.somebody()
    _, refused = await _until_refused(lambda n: knock(stale[n % 2], "same"), AT_ACCOUNT)
    await _until_refused(lambda n: knock(guesser[n % 2], f"guess-{n}"), FROM_ADDRESS)

    assert (refused.headers["content-type"], refused.headers["retry-after"].isdigit()) == (
        "application/problem+json",
        True,
    )
    # Whoever shares the address with one that brings a worn token again and again has lost nothing.
    assert (await knock(stale[0], "another")).status_code == 401


async def test_a_program_whose_key_is_good_is_no_stranger_at_an_address_of_strangers(street: Street):
    made = await street.houses[0].service.api_keys.create(street.scopes[0], "export", "x", ["viewer"], by=BY)
    office = (await street.somebody())[0]

    def asked(key: str) -> Awaitable[httpx.Response]:
        return office.get("/api/v1/roles", headers={"authorization": f"Bearer {key}"})

    first = await asked(made.key)
    await _until_refused(lambda n: asked(f"gl_{n:016x}_{'A' * 43}"), FROM_ADDRESS)

    assert (first.status_code, (await asked(made.key)).status_code) == (403, 403)


async def test_a_key_s_requests_are_counted_by_all_processes_together(street: Street):
    service, rate = street.houses[0].service, 40
    made = await service.api_keys.create(street.scopes[0], "eager", "x", ["viewer"], per_minute=rate, by=BY)
    office, headers = await street.somebody(), {"authorization": f"Bearer {made.key}"}

    began, told = time.monotonic(), []
    while told.count(429) < 2:
        told.append((await office[len(told) % 2].get("/api/v1/roles", headers=headers)).status_code)

    came_back = (time.monotonic() - began) * rate / 60
    assert rate - 4 <= told.count(403) <= rate + came_back + 1  # what one process has fetched, another cannot use
