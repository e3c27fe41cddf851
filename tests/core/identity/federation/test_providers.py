"""A tenant's providers, and words that are good once."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.errors import InputError, NotFoundError
from core.identity.federation.errors import ProviderFaultError
from core.identity.federation.providers import NewProvider, Providers
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
TESTER = Actor.command("test")
NEW = NewProvider("corp", "Corporate sign-in", "oidc", "https://id.example", client_id="goldlayer")


@pytest.fixture
def vault(tenancy: Tenancy, prepared: Installation) -> Vault:
    return Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)


@pytest.fixture
def providers(tenancy: Tenancy, vault: Vault) -> Providers:
    return Providers(tenancy, vault)


async def test_a_provider_is_added_found_and_shut(providers: Providers, tenancy: Tenancy):
    scope = await tenancy.create("offering-co", "Offering", actor=TESTER)
    new = dataclasses.replace(NEW, domains=("North.Example", "@south.example"), just_in_time_role="viewer")

    added = await providers.add(scope, new, actor=TESTER)

    assert (added.domains, added.just_in_time_role, added.enabled) == (
        ("north.example", "south.example"),
        "viewer",
        True,
    )
    assert await providers.list(scope) == [added]
    await providers.set_enabled(scope, "corp", False, actor=TESTER)
    assert not (await providers.get(scope, "corp")).enabled
    assert [record.action for record in await tenancy.audit.newest(scope, 2)] == [
        "identity_provider.set_enabled",
        "identity_provider.add",
    ]
    with pytest.raises(InputError, match="of this name"):
        await providers.add(scope, new, actor=TESTER)


@pytest.mark.parametrize(
    "change",
    [{"name": "Corp"}, {"name": "a/b"}, {"label": " "}, {"domains": ("*",)}, {"just_in_time_role": "emperor"}],
)
async def test_an_impossible_provider_leaves_nothing(providers: Providers, tenancy: Tenancy, change: dict[str, object]):
    scope = await tenancy.create("refusing-co", "Refusing", actor=TESTER)

    with pytest.raises(InputError):
        await providers.add(scope, dataclasses.replace(NEW, **change), actor=TESTER)

    assert await providers.list(scope) == []


async def test_a_secret_lies_in_the_vault_and_goes_with_its_provider(
    providers: Providers, tenancy: Tenancy, vault: Vault
):
    scope = await tenancy.create("secretive-co", "Secretive", actor=TESTER)
    added = await providers.add(scope, NEW, Secret("of the client"), actor=TESTER)

    assert await providers.secret(scope, added) == Secret("of the client")
    async with tenancy.platform.transaction(scope.id) as transaction:
        rows = await transaction.fetch("select p::text as line from identity_providers p")
    assert [row for row in rows if "of the client" in row["line"]] == []

    await providers.remove(scope, "corp", actor=TESTER)

    assert await providers.list(scope) == []
    with pytest.raises(NotFoundError):
        await vault.of(scope, TESTER).get(added.secret_name, purpose="test")
    with pytest.raises(ProviderFaultError, match="not in the vault"):
        await providers.secret(scope, added)
    again = await providers.add(scope, NEW, actor=TESTER)
    assert await providers.secret(scope, again) is None


async def test_a_tenant_sees_its_own_providers_only(providers: Providers, tenancy: Tenancy):
    a, b = await tenancy.create("own-a", "A", actor=TESTER), await tenancy.create("own-b", "B", actor=TESTER)
    theirs = await providers.add(b, NEW, actor=TESTER)

    assert await providers.list(a) == []
    for attempt in (providers.get(a, "corp"), providers.set_enabled(a, "corp", False, actor=TESTER)):
        with pytest.raises(NotFoundError):
            await attempt
    async with tenancy.platform.transaction(a.id) as transaction:
        assert await transaction.fetchval("select count(*) from identity_providers") == 0
        gone = await transaction.execute("delete from identity_providers where id = $1", theirs.id)
    assert (gone, await providers.list(b)) == ("DELETE 0", [theirs])


async def test_a_word_is_good_once_even_when_it_comes_twice_at_once(providers: Providers, tenancy: Tenancy):
    scope = await tenancy.create("once-co", "Once", actor=TESTER)
    first = await providers.add(scope, NEW, actor=TESTER)
    second = await providers.add(scope, dataclasses.replace(NEW, name="other"), actor=TESTER)
    until = int(time.time()) + 60

    used = await asyncio.gather(*(providers.use_up(scope, first, "a word", until) for _ in range(4)))

    assert sorted(used) == [False, False, False, True]
    assert await providers.use_up(scope, second, "a word", until)
    assert await providers.use_up(scope, first, "another word", until - 86_400)
    assert not await providers.use_up(scope, first, "a word", until)
