from __future__ import annotations

import pytest

from core.audit import Actor
from core.errors import InputError, NotFoundError
from core.tenancy import Tenancy
from core.tenancy.domains import domain_of

ACTOR = Actor.command("test")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Example.COM", "example.com"),
        (" ann@plant.example.com. ", "plant.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_kept_in_one_way_of_writing(written: str, kept: str):
    assert domain_of(written) == kept


@pytest.mark.parametrize(
    "text", ["", "localhost", "ann@", "a..b.com", "-a.com", "10.0.0.1", "a b.com", "x" * 64 + ".com", "a.com\nb.com"]
)
def test_what_is_no_domain_is_refused(text: str):
    with pytest.raises(InputError):
        domain_of(text)


@pytest.mark.integration
async def test_an_address_leads_to_the_tenant_its_domain_was_given_to(tenancy: Tenancy):
    scope = await tenancy.create("domain-co", "Domain", actor=ACTOR)

    for _ in range(2):
        assert await tenancy.domains.add(scope, "Domain-Co.example", actor=ACTOR) == "domain-co.example"

    assert await tenancy.domains.of(scope) == ["domain-co.example"]
    assert await tenancy.domains.tenant_of("ANN@domain-co.example") == "domain-co"
    for stranger in ("ann@other.example", "ann@sub.domain-co.example", "no address", ""):
        assert await tenancy.domains.tenant_of(stranger) is None
    assert [record.action for record in await tenancy.audit.newest(scope)][:-1] == ["tenant.add_domain"]

    await tenancy.suspend(scope, actor=ACTOR)
    assert await tenancy.domains.tenant_of("ann@domain-co.example") is None
    await tenancy.resume(scope, actor=ACTOR)
    await tenancy.domains.remove(scope, "domain-co.example", actor=ACTOR)
    assert await tenancy.domains.tenant_of("ann@domain-co.example") is None


@pytest.mark.integration
async def test_a_domain_leads_to_one_tenant_and_shared_ones_to_none(tenancy: Tenancy):
    first = await tenancy.create("domain-first", "First", actor=ACTOR)
    second = await tenancy.create("domain-second", "Second", actor=ACTOR)
    await tenancy.domains.add(first, "taken.example", actor=ACTOR)

    with pytest.raises(InputError, match="another tenant"):
        await tenancy.domains.add(second, "taken.example", actor=ACTOR)
    with pytest.raises(NotFoundError):
        await tenancy.domains.remove(second, "taken.example", actor=ACTOR)
    with pytest.raises(InputError, match="shared"):
        await tenancy.domains.add(second, "ann@GMail.com", actor=ACTOR)

    assert await tenancy.domains.of(second) == []
    assert await tenancy.domains.tenant_of("ann@taken.example") == "domain-first"
