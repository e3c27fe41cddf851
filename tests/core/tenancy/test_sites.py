from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.site import SiteFile
from core.errors import InputError
from core.tenancy import Tenancy
from core.tenancy.keys import hash_of, matches, new_key, prefix_for, prefix_of

if TYPE_CHECKING:
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration


def site_of(tenant: str, site: str = "pump-hall", *signals: str) -> SiteFile:
    listed = [{"name": name, "unit": "bar"} for name in signals or ("pressure",)]
    equipment = [{"id": "pump-1", "type": "pump", "signals": listed}]
    return SiteFile.model_validate({"tenant": tenant, "site": site, "protocol": "opcua", "equipment": equipment})


def contract_of(site: SiteFile, version: str = "1.0.0"):
    return parse_contract(permissive_contract(site).replace("version: 1.0.0", f"version: {version}"), where="test")


async def test_registration_is_idempotent_and_writes_the_key_once(tenancy: Tenancy, prepared: Installation):
    scope = await tenancy.create("sites-co", "Sites", actor=_ACTOR)
    site = site_of("sites-co")

    first = await tenancy.register_site(scope, site, contract_of(site), actor=_ACTOR)
    file = await tenancy.bridge_key_file(scope, "pump-hall")
    key = file.read_text()
    second = await tenancy.register_site(scope, site, contract_of(site), actor=_ACTOR)

    assert first == second
    assert (first.site, first.bridge_id) == (site, "pump-hall-bridge")
    assert await tenancy.sites(scope) == [first]
    assert file == prepared.run.secrets / "bridges" / "pump-hall.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == key
    assert [one.action for one in await tenancy.audit.newest(scope)] == ["site.register", "tenant.create"]


async def test_a_new_contract_supersedes_and_the_old_stays_known(tenancy: Tenancy):
    scope = await tenancy.create("contracts-co", "Contracts", actor=_ACTOR)
    narrow, wide = site_of("contracts-co", "mill"), site_of("contracts-co", "mill", "pressure", "flow_pressure")
    old, new = contract_of(narrow), contract_of(wide, "1.1.0")
    await tenancy.register_site(scope, narrow, old, actor=_ACTOR)

    registered = await tenancy.register_site(scope, wide, new, actor=_ACTOR)

    assert (registered.contract, registered.site) == (new, wide)
    assert await tenancy.contract_by_hash(scope, "mill", old.sha256) == old
    assert await tenancy.contract_by_hash(scope, "mill", new.sha256) == new
    assert await tenancy.contract_by_hash(scope, "mill", "0" * 64) is None
    changes = {one.action: one for one in await tenancy.audit.newest(scope, 2)}
    assert {"site.change", "contract.activate"} == set(changes)
    assert (changes["contract.activate"].before["sha256"], changes["contract.activate"].after["sha256"]) == (
        old.sha256,
        new.sha256,
    )
    assert (await tenancy.register_site(scope, wide, old, actor=_ACTOR)).contract == old
    assert (await tenancy.audit.newest(scope, 1))[0].after["version"] == old.version


async def test_what_was_in_force_before_is_kept_with_the_site_as_it_was(tenancy: Tenancy):
    scope = await tenancy.create("units-co", "Units", actor=_ACTOR)

    def mill(unit: str) -> SiteFile:
        signals = [{"name": "pressure", "unit": unit}]
        return SiteFile.model_validate(
            {"tenant": "units-co", "site": "mill", "protocol": "opcua",
             "equipment": [{"id": "pump-1", "type": "pump", "signals": signals}]}
        )  # fmt: skip

    mistaken, bar, mbar = mill("kPa"), mill("bar"), mill("mbar")
    old, new = contract_of(bar), contract_of(mbar, "2.0.0")
    await tenancy.register_site(scope, mistaken, old, actor=_ACTOR)
    await tenancy.register_site(scope, bar, old, actor=_ACTOR)
    await tenancy.register_site(scope, mbar, new, actor=_ACTOR)

    (one,) = await tenancy.sites_with_history(scope)

    assert (one.site, one.contract) == (mbar, new)
    assert [(was.contract, was.site) for was in one.former] == [(old, mistaken), (old, bar)]
    assert (await tenancy.sites(scope))[0].former == ()
    await tenancy.register_site(scope, mbar, old, actor=_ACTOR)
    (one,) = await tenancy.sites_with_history(scope)
    assert [(was.contract, was.site) for was in one.former] == [(old, mistaken), (old, bar), (new, mbar)]
    assert (await tenancy.sites_with_history(scope)) == [one]


async def test_a_site_of_another_tenant_or_a_contract_that_does_not_fit_leaves_nothing(tenancy: Tenancy):
    scope = await tenancy.create("strict-co", "Strict", actor=_ACTOR)
    site, foreign = site_of("strict-co"), site_of("someone-else")

    with pytest.raises(InputError, match="another tenant"):
        await tenancy.register_site(scope, foreign, contract_of(foreign), actor=_ACTOR)
    with pytest.raises(InputError, match="unknown signal"):
        await tenancy.register_site(scope, site, contract_of(site_of("strict-co", "pump-hall", "level")), actor=_ACTOR)

    assert await tenancy.sites(scope) == []


async def test_a_crash_after_the_key_was_written_keeps_that_key(tenancy: Tenancy, prepared: Installation):
    scope = await tenancy.create("crashed-co", "Crashed", actor=_ACTOR)
    site = site_of("crashed-co", "lime-kiln")
    left = new_key(prefix_for(str(scope.id), "lime-kiln"))
    prepared.run.write_secret("bridges/lime-kiln.key", left)

    await tenancy.register_site(scope, site, contract_of(site), actor=_ACTOR)

    assert (await tenancy.bridge_of_key(left)).site == "lime-kiln"


async def test_a_replaced_key_ends_the_old_one(tenancy: Tenancy):
    from core.errors import DeniedError

    scope = await tenancy.create("rekeyed-co", "Rekeyed", actor=_ACTOR)
    site = site_of("rekeyed-co", "crusher")
    await tenancy.register_site(scope, site, contract_of(site), actor=_ACTOR)
    old = (await tenancy.bridge_key_file(scope, "crusher")).read_text()

    file = await tenancy.replace_bridge_key(scope, "crusher", actor=_ACTOR)

    assert (await tenancy.bridge_of_key(file.read_text())).bridge_id == "crusher-bridge"
    with pytest.raises(DeniedError):
        await tenancy.bridge_of_key(old)


async def test_signs_of_life_are_noted(tenancy: Tenancy):
    scope = await tenancy.create("alive-co", "Alive", actor=_ACTOR)
    site = site_of("alive-co", "dryer")
    await tenancy.register_site(scope, site, contract_of(site), actor=_ACTOR)
    assert (await tenancy.bridges(scope))[0].last_seen is None

    await tenancy.bridge_seen(scope, "dryer-bridge", "i1")
    await tenancy.bridge_seen(scope, "dryer-bridge")

    bridge = (await tenancy.bridges(scope))[0]
    assert (bridge.incarnation, bridge.last_seen is not None) == ("i1", True)


def test_keys_are_found_by_their_prefix_and_kept_as_a_hash():
    key = new_key(prefix_for("tenant", "site"))

    assert prefix_of(f" {key}\n") == prefix_for("tenant", "site") != prefix_for("tenants", "ite")
    assert matches(f"{key}\n", hash_of(key))
    assert not matches(key[:-1] + ("A" if key[-1] != "A" else "B"), hash_of(key))
    assert prefix_of(key[:-1]) is None
