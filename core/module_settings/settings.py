"""Reading and changing settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, InputError
from core.module_settings.resolve import Effective, PlatformValue, is_locked, resolve
from core.sdk.manifest import Manifest
from core.sdk.setting import SettingForm
from core.subscriptions import Subscriptions
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault

_SQL = load_queries("core.module_settings")


def secret_name(module_code: str, key: str) -> str:
    """Under which name the tenant's vault keeps a setting."""
    return f"module/{module_code}/{key}"


class ModuleSettings:
    """Settings of the installed modules, for every tenant."""

    def __init__(self, tenancy: Tenancy, subscriptions: Subscriptions, vault: Vault) -> None:
        self._tenancy = tenancy
        self._subscriptions = subscriptions
        self._vault = vault

    async def effective(self, scope: TenantScope, module_code: str) -> dict[str, Effective]:
        """Every setting of a module as it counts for a tenant, by key.

        Raises:
            NotFoundError: no such module is installed.
            DeniedError: the tenant does not have it.
        """
        manifest = await self._subscribed(scope, module_code)
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            platform = await _platform(transaction, module_code)
            rows = await transaction.fetch(_SQL["tenant"], scope.id, module_code)
        return resolve(manifest.settings, platform, {row["key"]: row["value"] for row in rows})

    async def choose(
        self, scope: TenantScope, module_code: str, choices: Mapping[str, object], *, actor: Actor
    ) -> None:
        """Set some of a tenant's own values, all or none.

        Args:
            scope: the tenant.
            module_code: one of its modules.
            choices: by key; a secret's value is a `Secret` and goes to the vault.
            actor: who chooses.

        Raises:
            NotFoundError: no such module is installed.
            DeniedError: the tenant does not have it, or a setting is locked; says which.
            InputError: no such setting, or a value outside of what the manifest allows.
        """
        manifest = await self._subscribed(scope, module_code)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            platform = await _platform(transaction, module_code)
            for key, value in choices.items():
                _check(manifest, key, value, platform.get(key))
        stored = {key: await self._stored(scope, module_code, key, value, actor) for key, value in choices.items()}
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            before = await self._chosen(transaction, scope, module_code, stored)
            for key, value in stored.items():
                await transaction.execute(_SQL["choose"], scope.id, module_code, key, value, str(actor))
            self._tenancy.audit.note(
                transaction, scope, actor, "settings.choose", module_code, before, _shown(manifest, stored)
            )

    async def give_up(self, scope: TenantScope, module_code: str, keys: Iterable[str], *, actor: Actor) -> None:
        """Go back to the platform's values; a secret is destroyed.

        Raises:
            NotFoundError: no such module is installed.
            DeniedError: the tenant does not have it.
            InputError: no such setting.
        """
        manifest = await self._subscribed(scope, module_code)
        wanted = list(keys)
        for key in wanted:
            form = _form(manifest, key)
            if form.type == "secret":
                vault = self._vault.of(scope, actor)
                await vault.purge(secret_name(module_code, key), purpose="the setting is given up", keep=0)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            before = await self._chosen(transaction, scope, module_code, wanted)
            for key in wanted:
                await transaction.fetchval(_SQL["give_up"], scope.id, module_code, key)
            self._tenancy.audit.note(transaction, scope, actor, "settings.give_up", module_code, before, None)

    async def decide(
        self, module_code: str, key: str, *, value: object = None, locked: bool | None = None, actor: Actor
    ) -> None:
        """Set the platform's value of a setting, or its lock, for all tenants.

        A tenant's choice that stands against a new lock stays stored and no longer counts.

        Args:
            module_code: an installed module.
            key: of the setting.
            value: None leaves it as it is.
            locked: None leaves it as it is.
            actor: who decides.

        Raises:
            NotFoundError: no such module is installed.
            InputError: no such setting, a value that does not fit, or a secret, which every tenant has its own.
        """
        form = _form(self._subscriptions.manifest(module_code), key)
        if form.type == "secret":
            raise InputError("a secret is a tenant's own", received=key, where=module_code)
        if value is not None and (problem := form.problem_of(value)):
            raise InputError("the value does not fit", expected=problem, received=value, where=f"{module_code}.{key}")
        async with self._tenancy.admin.open(actor, f"set {module_code}.{key} for all tenants") as admin:
            before = (await _platform(admin, module_code)).get(key, PlatformValue())
            after = PlatformValue(before.value if value is None else value, before.locked if locked is None else locked)
            await admin.execute(_SQL["set_platform"], module_code, key, after.value, after.locked, str(actor))
            told = [{"value": one.value, "locked": one.locked} for one in (before, after)]
            self._tenancy.admin.note(admin, actor, "settings.decide", f"{module_code}.{key}", *told)

    async def _subscribed(self, scope: TenantScope, module_code: str) -> Manifest:
        manifest = self._subscriptions.manifest(module_code)
        if module_code not in await self._subscriptions.active(scope):
            raise DeniedError(f"module {module_code} is not subscribed")
        return manifest

    async def _stored(self, scope: TenantScope, module_code: str, key: str, value: object, actor: Actor) -> object:
        if not isinstance(value, Secret):
            return value
        vault = self._vault.of(scope, actor)
        return await vault.put(secret_name(module_code, key), value, purpose=f"setting {key} of {module_code}")

    async def _chosen(
        self, transaction: Transaction, scope: TenantScope, module_code: str, keys: Iterable[str]
    ) -> dict[str, Any]:
        rows = await transaction.fetch(_SQL["tenant"], scope.id, module_code)
        known = {row["key"]: row["value"] for row in rows}
        return _shown(self._subscriptions.manifest(module_code), {key: known[key] for key in keys if key in known})


async def _platform(transaction: Transaction, module_code: str) -> dict[str, PlatformValue]:
    rows = await transaction.fetch(_SQL["platform"], module_code)
    return {row["key"]: PlatformValue(row["value"], row["locked"]) for row in rows}


def _form(manifest: Manifest, key: str) -> SettingForm:
    if key not in manifest.settings:
        known = ", ".join(manifest.settings) or "none"
        raise InputError("no such setting", expected=known, received=key, where=manifest.module_code)
    return manifest.settings[key]


def _check(manifest: Manifest, key: str, value: object, platform: PlatformValue | None) -> None:
    form, where = _form(manifest, key), f"{manifest.module_code}.{key}"
    if is_locked(form, platform):
        raise DeniedError("the platform has locked this setting", received=key, where=manifest.module_code)
    if (form.type == "secret") != isinstance(value, Secret):
        # Nothing of the value: somebody may have typed a secret where none belongs, or the other way round.
        kind = "a secret" if form.type == "secret" else f"no secret: it is {form.type}"
        raise InputError("the value does not fit", expected=kind, where=where)
    if problem := form.problem_of(value.reveal() if isinstance(value, Secret) else value):
        shown = None if isinstance(value, Secret) else value
        raise InputError("the value does not fit", expected=problem, received=shown, where=where)


def _shown(manifest: Manifest, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the audit log keeps them: of a secret its version in the vault, as it is stored."""
    return {
        key: {"secret_version": value} if manifest.settings[key].type == "secret" else value
        for key, value in values.items()
    }
