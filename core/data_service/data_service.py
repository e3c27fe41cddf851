"""The core data service: one tenant, one person, under row-level security; no method takes a tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.audit import Actor
from core.errors import DeniedError, InputError
from core.identity import Identity, IdentityService
from core.module_settings import ModuleSettings, secret_name
from core.sdk.core_data import BridgeInstance, ModuleSubscription, Notification, TenantProfile, TenantUser
from core.subscriptions import Subscriptions
from core.tenancy import Tenancy
from core.tenancy.fleet import BridgeState
from core.vault import Secret
from core.vault.vault import Vault

MANAGE_PEOPLE, MANAGE_SETTINGS = "PLATFORM.MANAGE_PEOPLE", "PLATFORM.MANAGE_SETTINGS"
_MOST_NOTIFICATIONS = 500


@dataclass(frozen=True, slots=True)
class Sources:
    """What the service reads from; one set a process."""

    tenancy: Tenancy
    identity: IdentityService
    subscriptions: Subscriptions
    settings: ModuleSettings
    vault: Vault


@dataclass(frozen=True, slots=True)
class TenantCoreData:
    """Answers `core.sdk.core_data.CoreDataService` for a verified person; the tenant is theirs.

    Attributes:
        module_code: module whose secrets can be read, None for the platform's own use.
        agent: code of the agent that acts for the person.
    """

    _sources: Sources
    _person: Identity
    module_code: str | None = None
    agent: str | None = None

    async def get_current_tenant(self) -> TenantProfile:
        """The tenant itself."""
        scope, tenancy = self._person.tenant, self._sources.tenancy
        sites = tuple(one.site.site for one in await tenancy.sites(scope))
        store = await tenancy.stores.of_tenant(scope)
        return TenantProfile(scope.id, scope.slug, scope.name, await tenancy.status(scope), sites, store.server)

    async def get_tenant_users(self, *, role: str | None = None, active: bool | None = None) -> Sequence[TenantUser]:
        """Members, by e-mail address. Without PLATFORM.MANAGE_PEOPLE: the active ones, and not their roles.

        Raises:
            InputError: no such role.
            DeniedError: roles or ended memberships are asked for by somebody who may not manage people.
        """
        manages = MANAGE_PEOPLE in self._person.permissions
        if role is not None or active is False:
            self._person.require(MANAGE_PEOPLE)
        if role is not None:
            await self._check_role(role)
        return [
            TenantUser(one.id, one.email, one.name, one.active, tuple(one.roles) if manages else ())
            for one in await self._sources.identity.people(self._person.tenant)
            if (role is None or role in one.roles)
            and (one.active if active is None and not manages else active in (None, one.active))
        ]

    async def _check_role(self, role: str) -> None:
        known = [one.code for one in await self._sources.identity.roles.all(self._person.tenant)]
        if role not in known:
            raise InputError("no such role", expected=", ".join(known), received=role)

    async def get_user_permissions(self, module_code: str) -> frozenset[str]:
        """What the person may do in a module; nothing if the tenant does not have it.

        Raises:
            NotFoundError: no such module is installed.
        """
        manifest = self._sources.subscriptions.manifest(module_code)
        if not await self.has_module(module_code):
            return frozenset()
        return self._person.permissions & {permission.code for permission in manifest.permissions}

    async def get_tenant_subscriptions(self) -> Sequence[ModuleSubscription]:
        """Modules the tenant can use now, by code."""
        active = await self._sources.subscriptions.active(self._person.tenant)
        return [
            ModuleSubscription(one.module_code, one.version, one.subscribed_at)
            for one in await self._sources.subscriptions.all(self._person.tenant)
            if one.module_code in active and one.version is not None and one.subscribed_at is not None
        ]

    async def get_module_settings(self, module_code: str) -> Mapping[str, Any]:
        """Effective values by key.

        Raises:
            NotFoundError: no such module is installed.
            DeniedError: the tenant does not have it; or it is another module's, and the person can do nothing there.
        """
        if module_code != self.module_code:
            await self._check_reach(module_code)
        settings = await self._sources.settings.effective(self._person.tenant, module_code)
        return {key: one.value for key, one in settings.items()}

    async def _check_reach(self, module_code: str) -> None:
        """A module's own settings are for its code; from outside a person sees those of modules they work with."""
        if MANAGE_SETTINGS in self._person.permissions or await self.get_user_permissions(module_code):
            return
        raise DeniedError("nothing can be done in this module", received=module_code, expected="one of its permissions")

    async def get_active_bridges(self) -> Sequence[BridgeInstance]:
        """Registered bridges, by id."""
        return [_bridge(one) for one in await self._sources.tenancy.fleet.bridges(self._person.tenant)]

    async def get_notifications(self, limit: int = 50) -> Sequence[Notification]:
        """What the person was told and has not put away, the newest first; 500 at most."""
        if not 1 <= limit <= _MOST_NOTIFICATIONS:
            raise InputError("not a number of notifications", expected=f"1 to {_MOST_NOTIFICATIONS}", received=limit)
        told = await self._sources.tenancy.fleet.notices(self._person.tenant, self._person.person_id, limit)
        return [Notification(**asdict(one)) for one in told]

    async def get_secret(self, key: str, *, purpose: str) -> Secret:
        """A secret of the module this is bound to.

        Raises:
            DeniedError: bound to no module, or the tenant does not have it.
            NotFoundError: it is not set.
        """
        if self.module_code is None:
            raise DeniedError("only a module reads its secrets")
        actor = Actor.agent(self.agent, self._person.email) if self.agent else self._person.actor
        name = secret_name(self.module_code, key)
        vault = self._sources.vault.of(self._person.tenant, actor)
        if not await self.has_module(self.module_code):
            await vault.refuse(name, purpose=purpose)
            raise DeniedError(f"module {self.module_code} is not subscribed")
        return await vault.restricted(secret_name(self.module_code, "")).get(name, purpose=purpose)

    async def has_module(self, module_code: str) -> bool:
        """Whether the tenant can use a module now."""
        return module_code in await self._sources.subscriptions.active(self._person.tenant)

    def within(self, module_code: str, agent: str | None) -> TenantCoreData:
        """The same, bound to one module and the agent that acts for the person."""
        return replace(self, module_code=module_code, agent=agent)


def _bridge(known: BridgeState) -> BridgeInstance:
    health = known.health
    return BridgeInstance(
        known.bridge_id,
        known.site,
        known.connected,
        known.last_seen,
        down_since=known.down_since,
        version=known.version,
        devices=len(known.devices),
        devices_connected=health.connected if health is not None and known.connected else 0,
        outbox_rows=None if health is None else health.outbox_rows,
        clock_offset_s=known.clock_offset_s,
        clock_is_off=known.clock_is_off,
    )
