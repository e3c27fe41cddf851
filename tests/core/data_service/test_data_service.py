"""The core data service on a real installation: one person, one tenant, what they may see of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from core.audit import Actor
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.site import SiteFile
from core.data_service import Sources, TenantCoreData
from core.db import TenantScope
from core.errors import DeniedError, GoldlayerError, InputError, NotFoundError
from core.identity import Identity, IdentityService
from core.module_settings import ModuleSettings
from core.sdk.core_data import SecretReference
from core.sdk.manifest import Manifest
from core.subscriptions import ModuleRegistry, Subscriptions
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("data service")]
_ACTOR = Actor.command("test")
_MANAGES = frozenset({"PLATFORM.MANAGE_PEOPLE"})


def _manifest(code: str) -> Manifest:
    return Manifest.model_validate(
        {
            "module_code": code,
            "module_name": code.title(),
            "module_description": "A module with a right and settings, for tests.",
            "module_version": "1.0.0",
            "api_base_path": f"/api/v1/{code.lower().replace('_', '-')}",
            "permissions": [{"code": f"{code}.READ", "description": "Read", "default_roles": ["admin", "viewer"]}],
            "tenant_settings": {"every": {"type": "string", "default": "15m"}, "token": {"type": "secret"}},
        }
    )


_OWN, _OTHER, _LEFT = _manifest("CORE_OWN"), _manifest("CORE_OTHER"), _manifest("CORE_LEFT")


async def _people(service: IdentityService, scope: TenantScope) -> dict[str, UUID]:
    ids: dict[str, UUID] = {}
    for name, role in (("ann", "viewer"), ("bea", "operator"), ("cid", "admin")):
        email = f"{name}@{scope.slug}.example"
        ids[name] = await service.members.add(scope, email, name.title(), None, role, actor=_ACTOR)
    return ids


@pytest.fixture(scope="module")
def made(prepared: Installation) -> dict[str, dict[str, UUID]]:
    """Two tenants with the same people, modules, site and settings; each value says whose it is."""

    async def make() -> dict[str, dict[str, UUID]]:
        people: dict[str, dict[str, UUID]] = {}
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            sources = await _sources(tenancy, prepared)
            for slug in ("core-a", "core-b"):
                scope = await tenancy.create(slug, f"Name of {slug}", actor=_ACTOR)
                for code in ("CORE_OWN", "CORE_OTHER"):
                    await sources.subscriptions.subscribe(scope, code, actor=_ACTOR)
                choices = {"every": f"of {slug}", "token": Secret(f"token of {slug}")}
                await sources.settings.choose(scope, "CORE_OWN", choices, actor=_ACTOR)
                people[slug] = await _people(sources.identity, scope)
                await _register(tenancy, scope)
        return people

    return asyncio.run(make())


async def _register(tenancy: Tenancy, scope: TenantScope) -> None:
    site = SiteFile.model_validate(
        {
            "tenant": scope.slug,
            "site": f"hall-{scope.slug}",
            "protocol": "opcua",
            "equipment": [{"id": "pump-1", "type": "pump", "signals": [{"name": "pressure", "unit": "bar"}]}],
        }
    )
    await tenancy.register_site(scope, site, parse_contract(permissive_contract(site), where="test"), actor=_ACTOR)


async def _sources(tenancy: Tenancy, prepared: Installation) -> Sources:
    manifests = [_OWN, _OTHER, _LEFT]
    await ModuleRegistry(tenancy).sync(manifests, actor=_ACTOR)
    identity = IdentityService(tenancy, prepared.run, prepared.settings)
    subscriptions = Subscriptions(tenancy, identity, manifests)
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    return Sources(tenancy, identity, subscriptions, ModuleSettings(tenancy, subscriptions, vault), vault)


@pytest.fixture
async def sources(made: dict[str, dict[str, UUID]], tenancy: Tenancy, prepared: Installation) -> Sources:
    return await _sources(tenancy, prepared)


@pytest.fixture
async def ann(sources: Sources, made: dict[str, dict[str, UUID]]) -> Identity:
    """A viewer of the first tenant, verified."""
    scope = await sources.tenancy.get("core-a")
    tokens = await sources.identity.open_session(scope, made["core-a"]["ann"], "external:corporate")
    return await sources.identity.verify(tokens.access)


async def test_a_viewer_learns_of_their_own_tenant(sources: Sources, ann: Identity):
    core = TenantCoreData(sources, ann)

    profile = await core.get_current_tenant()
    users = await core.get_tenant_users()
    modules = await core.get_tenant_subscriptions()
    [bridge] = await core.get_active_bridges()

    assert (profile.slug, profile.name, profile.status) == ("core-a", "Name of core-a", "active")
    assert (profile.sites, profile.server) == (("hall-core-a",), "main")
    assert [(one.name, one.email, one.roles) for one in users] == [
        (name, f"{name.lower()}@core-a.example", ()) for name in ("Ann", "Bea", "Cid")
    ]
    assert [(one.module_code, one.version) for one in modules] == [("CORE_OTHER", "1.0.0"), ("CORE_OWN", "1.0.0")]
    assert (bridge.site, bridge.connected, bridge.last_seen) == ("hall-core-a", False, None)


async def test_a_bridge_counts_as_connected_while_it_gives_signs_of_life(sources: Sources, ann: Identity):
    core = TenantCoreData(sources, ann)
    [bridge] = await core.get_active_bridges()
    await sources.tenancy.bridge_seen(ann.tenant, bridge.bridge_id, "incarnation")
    [seen] = await core.get_active_bridges()
    assert seen.connected and seen.last_seen is not None and seen.last_seen.tzinfo is not None

    async with sources.tenancy.platform.transaction(ann.tenant.id) as transaction:
        await transaction.execute("update bridges set last_seen = now() - interval '301 s'")

    assert [one.connected for one in await core.get_active_bridges()] == [False]


async def test_who_may_manage_people_sees_roles_and_those_who_left_and_can_look_for_them(
    sources: Sources, ann: Identity, made: dict[str, dict[str, UUID]]
):
    from core.identity import Authority

    manager = TenantCoreData(sources, replace(ann, permissions=ann.permissions | _MANAGES))
    by, bea = Authority.command("test"), made["core-a"]["bea"]
    await sources.identity.members.set_active(ann.tenant, bea, False, by=by)

    seen = {one.name: (one.active, one.roles) for one in await manager.get_tenant_users()}
    plain = [one.name for one in await TenantCoreData(sources, ann).get_tenant_users()]

    assert seen == {"Ann": (True, ("viewer",)), "Bea": (False, ("operator",)), "Cid": (True, ("admin",))}
    assert plain == ["Ann", "Cid"]
    assert [one.name for one in await manager.get_tenant_users(role="viewer")] == ["Ann"]
    assert [one.name for one in await manager.get_tenant_users(active=False)] == ["Bea"]
    assert await manager.get_tenant_users(role="viewer", active=False) == []
    await sources.identity.members.set_active(ann.tenant, bea, True, by=by)


Call = Callable[[TenantCoreData], Awaitable[object]]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda core: core.get_tenant_users(role="viewer"), DeniedError, "PLATFORM.MANAGE_PEOPLE"),
        (lambda core: core.get_tenant_users(active=False), DeniedError, "PLATFORM.MANAGE_PEOPLE"),
        (lambda core: core.get_user_permissions("NO_SUCH"), NotFoundError, "CORE_LEFT, CORE_OTHER, CORE_OWN"),
        (lambda core: core.get_module_settings("NO_SUCH"), NotFoundError, "CORE_LEFT, CORE_OTHER, CORE_OWN"),
        (lambda core: core.within("NO_SUCH", None).get_module_settings("NO_SUCH"), NotFoundError, "no such module"),
        (lambda core: core.get_module_settings("CORE_LEFT"), DeniedError, "CORE_LEFT"),
        (lambda core: core.within("CORE_LEFT", None).get_module_settings("CORE_LEFT"), DeniedError, "not subscribed"),
        (lambda core: core.get_secret("token", purpose="a test"), DeniedError, "only a module"),
        (lambda core: core.within("CORE_LEFT", None).get_secret("token", purpose="x"), DeniedError, "not subscribed"),
        (
            lambda core: core.within("CORE_OTHER", None).get_secret("token", purpose="x"),
            NotFoundError,
            "no such secret",
        ),
        (lambda core: core.within("CORE_OWN", None).get_secret("token", purpose=" "), InputError, "for a purpose"),
        (
            lambda core: core.within("CORE_OTHER", None).get_secret("../CORE_OWN/token", purpose="x"),
            NotFoundError,
            "no such secret",
        ),
    ],
)
async def test_what_cannot_be_had_says_why(
    sources: Sources, ann: Identity, call: Call, error: type[GoldlayerError], said: str
):
    with pytest.raises(error, match=said):
        await call(TenantCoreData(sources, ann))


async def test_a_role_that_is_not_there_is_named_with_those_that_are(sources: Sources, ann: Identity):
    manager = TenantCoreData(sources, replace(ann, permissions=_MANAGES))

    with pytest.raises(InputError, match=r"admin, manager, operator, viewer.*'owner'"):
        await manager.get_tenant_users(role="owner")


async def test_permissions_are_those_of_one_module_and_none_without_it(sources: Sources, ann: Identity):
    core = TenantCoreData(sources, ann)

    assert await core.get_user_permissions("CORE_OWN") == {"CORE_OWN.READ"}
    assert await core.get_user_permissions("CORE_LEFT") == frozenset()


async def test_a_module_has_its_own_settings_and_of_others_what_the_person_works_with(sources: Sources, ann: Identity):
    stranger = replace(ann, permissions=frozenset({"CORE_OWN.READ"}))
    inside = TenantCoreData(sources, stranger).within("CORE_OTHER", None)

    assert await inside.get_module_settings("CORE_OTHER") == {"every": "15m", "token": None}
    assert await inside.get_module_settings("CORE_OWN") == {"every": "of core-a", "token": SecretReference("token")}
    with pytest.raises(DeniedError, match="nothing can be done in this module"):
        await TenantCoreData(sources, stranger).get_module_settings("CORE_OTHER")
    manager = replace(stranger, permissions=frozenset({"PLATFORM.MANAGE_SETTINGS"}))
    assert "every" in await TenantCoreData(sources, manager).get_module_settings("CORE_OTHER")


async def test_a_secret_is_read_by_its_module_alone_and_every_time_is_on_record(sources: Sources, ann: Identity):
    core = TenantCoreData(sources, ann)

    secret = await core.within("CORE_OWN", "ANALYST").get_secret("token", purpose="to sign in")

    assert secret.reveal() == "token of core-a"
    [record] = await sources.tenancy.audit.newest(ann.tenant, 1)
    assert (record.action, record.target, record.outcome) == ("vault.get", "module/CORE_OWN/token", "done")
    assert str(record.actor).startswith("agent:ANALYST") and ann.email in str(record.actor)
    with pytest.raises(DeniedError):
        await core.within("CORE_LEFT", None).get_secret("token", purpose="to look")
    [record] = await sources.tenancy.audit.newest(ann.tenant, 1)
    assert (record.target, record.outcome) == ("module/CORE_LEFT/token", "denied")


async def test_nothing_of_the_other_tenant_is_in_any_answer(sources: Sources, ann: Identity):
    core = TenantCoreData(sources, replace(ann, permissions=ann.permissions | _MANAGES)).within("CORE_OWN", None)

    told = [
        await core.get_current_tenant(),
        await core.get_tenant_users(),
        await core.get_tenant_subscriptions(),
        await core.get_module_settings("CORE_OWN"),
        await core.get_active_bridges(),
        (await core.get_secret("token", purpose="a test")).reveal(),
    ]

    assert "core-b" not in repr(told) and repr(told).count("core-a") >= 6
