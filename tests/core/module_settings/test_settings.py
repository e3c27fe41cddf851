"""Settings on a real installation: every tenant its own, secrets in the vault and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from core.audit import Actor
from core.db import Database, TenantScope
from core.errors import DeniedError, GoldlayerError, InputError, NotFoundError
from core.identity import IdentityService
from core.module_settings import ModuleSettings, secret_name
from core.sdk.core_data import SecretReference
from core.sdk.manifest import Manifest
from core.subscriptions import ModuleRegistry, Subscriptions
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")
_MODULE = "SET_DESK"
_HIDDEN = "the password of the plant's own server"
_DESK = Manifest.model_validate(
    {
        "module_code": _MODULE,
        "module_name": "Desk",
        "module_description": "A desk with settings, for tests.",
        "module_version": "1.0.0",
        "api_base_path": "/api/v1/set-desk",
        "platform_settings": {
            "pipelines": {"type": "integer", "default": 5, "locked": True},
            "retention_days": {"type": "integer", "default": 365, "min": 90, "max": 730},
        },
        "tenant_settings": {
            "thresholds": {"type": "object", "default": {"critical": 90, "warning": 70}},
            "every": {"type": "string", "default": "15m", "options": ["1m", "15m"]},
            "erp_password": {"type": "secret"},
        },
    }
)
_LEFT = _DESK.model_copy(update={"module_code": "SET_LEFT", "module_name": "Left"})


@pytest.fixture
async def settings(tenancy: Tenancy, prepared: Installation) -> ModuleSettings:
    manifests = [_DESK, _LEFT]
    await ModuleRegistry(tenancy).sync(manifests, actor=_ACTOR)
    subscriptions = Subscriptions(tenancy, IdentityService(tenancy, prepared.run, prepared.settings), manifests)
    for slug in ("settings-a", "settings-b"):
        await subscriptions.subscribe(await tenancy.create(slug, slug, actor=_ACTOR), _MODULE, actor=_ACTOR)
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    return ModuleSettings(tenancy, subscriptions, vault)


@pytest.fixture
async def scope(tenancy: Tenancy, settings: ModuleSettings) -> TenantScope:
    return await tenancy.get("settings-a")


async def _values(settings: ModuleSettings, scope: TenantScope) -> dict[str, Any]:
    return {key: one.value for key, one in (await settings.effective(scope, _MODULE)).items()}


async def test_a_choice_counts_for_one_tenant_and_can_be_given_up(
    settings: ModuleSettings, tenancy: Tenancy, scope: TenantScope
):
    declared = {key: form.default for key, form in _DESK.settings.items()}

    await settings.choose(scope, _MODULE, {"every": "1m", "retention_days": 100}, actor=_ACTOR)

    assert await _values(settings, scope) == declared | {"every": "1m", "retention_days": 100}
    assert await _values(settings, await tenancy.get("settings-b")) == declared
    [record] = await tenancy.audit.newest(scope, 1)
    assert (record.action, record.target, record.after) == (
        "settings.choose",
        _MODULE,
        {"every": "1m", "retention_days": 100},
    )
    await settings.give_up(scope, _MODULE, ["every", "retention_days"], actor=_ACTOR)
    assert await _values(settings, scope) == declared
    [record] = await tenancy.audit.newest(scope, 1)
    assert (record.action, record.before) == ("settings.give_up", {"every": "1m", "retention_days": 100})


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        ({"evry": "1m"}, InputError, "no such setting.*every.*evry"),
        ({"every": "2m"}, InputError, f"{_MODULE}.every.*one of 1m, 15m is expected"),
        ({"every": None}, InputError, "a text of up to"),
        ({"retention_days": 89}, InputError, "90 or more is expected"),
        ({"retention_days": "100"}, InputError, "a whole number is expected"),
        ({"thresholds": {"critical": 90}}, InputError, "the key warning is missing"),
        ({"pipelines": 9}, DeniedError, "the platform has locked this setting.*pipelines"),
        ({"erp_password": "plain text"}, InputError, f"{_MODULE}.erp_password.*a secret"),
        ({"every": Secret("1m")}, InputError, "no secret: it is string"),
        ({"every": "1m", "retention_days": 1}, InputError, "90 or more"),
    ],
)
async def test_what_does_not_fit_is_refused_whole_with_the_reason(
    settings: ModuleSettings, scope: TenantScope, choices: dict[str, Any], error: type[GoldlayerError], said: str
):
    before = await _values(settings, scope)

    with pytest.raises(error, match=f"(?s){said}") as caught:
        await settings.choose(scope, _MODULE, choices, actor=_ACTOR)

    assert "plain text" not in str(caught.value)
    assert await _values(settings, scope) == before


async def test_only_a_module_one_has_can_be_set(settings: ModuleSettings, scope: TenantScope):
    with pytest.raises(DeniedError, match="SET_LEFT is not subscribed"):
        await settings.choose(scope, "SET_LEFT", {"every": "1m"}, actor=_ACTOR)
    with pytest.raises(NotFoundError, match="no such module"):
        await settings.effective(scope, "NO_SUCH")


async def test_a_secret_is_in_the_vault_and_nowhere_in_the_clear(
    settings: ModuleSettings, tenancy: Tenancy, scope: TenantScope, prepared: Installation
):
    await settings.choose(scope, _MODULE, {"erp_password": Secret(_HIDDEN)}, actor=_ACTOR)

    assert (await _values(settings, scope))["erp_password"] == SecretReference("erp_password")
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit).of(scope, _ACTOR)
    assert (await vault.get(secret_name(_MODULE, "erp_password"), purpose="a test")).reveal() == _HIDDEN
    async with await Database.open(prepared.postgres.dsn("platform"), max_size=1) as superuser:
        for table in ("module_settings", "audit_log", "vault_secrets", "platform_audit_log"):
            if await superuser.fetchval("select to_regclass($1) is not null", table):
                told = await superuser.fetchval(f"select string_agg(t::text, ' ') from {table} t")
                assert _HIDDEN not in (told or "")
    await settings.give_up(scope, _MODULE, ["erp_password"], actor=_ACTOR)
    assert (await _values(settings, scope))["erp_password"] is None
    with pytest.raises(NotFoundError):
        await vault.get(secret_name(_MODULE, "erp_password"), purpose="a test")


async def test_a_lock_that_comes_later_wins_and_is_shown(
    settings: ModuleSettings, tenancy: Tenancy, scope: TenantScope
):
    await settings.choose(scope, _MODULE, {"retention_days": 500}, actor=_ACTOR)

    await settings.decide(_MODULE, "retention_days", value=180, locked=True, actor=_ACTOR)

    one = (await settings.effective(scope, _MODULE))["retention_days"]
    assert (one.value, one.source, one.locked, one.ignored) == (180, "platform", True, "the platform has locked it")
    with pytest.raises(DeniedError, match="locked"):
        await settings.choose(scope, _MODULE, {"retention_days": 400}, actor=_ACTOR)
    await settings.decide(_MODULE, "retention_days", value=365, locked=False, actor=_ACTOR)
    assert (await settings.effective(scope, _MODULE))["retention_days"].value == 500


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("erp_password", "x", "a secret is a tenant's own"),
        ("retention_days", 9_999, "730 or less is expected"),
        ("nothing", 1, "no such setting"),
    ],
)
async def test_what_the_platform_cannot_decide_is_refused(settings: ModuleSettings, key: str, value: Any, said: str):
    with pytest.raises(InputError, match=said):
        await settings.decide(_MODULE, key, value=value, actor=_ACTOR)


async def test_choices_that_were_cut_off_leave_all_as_it_was(
    settings: ModuleSettings, tenancy: Tenancy, scope: TenantScope
):
    before = await _values(settings, scope)
    with mock.patch.object(tenancy.audit, "note", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        await settings.choose(
            scope, _MODULE, {"every": "1m", "thresholds": {"critical": 1, "warning": 0}}, actor=_ACTOR
        )

    assert await _values(settings, scope) == before
