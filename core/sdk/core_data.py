"""What a module learns of its tenant from the platform: frozen answers, and no way to ask about another tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from core.vault.secret import Secret


@dataclass(frozen=True, slots=True)
class TenantProfile:
    """The tenant itself.

    Attributes:
        status: `active` or `suspended`.
        sites: names of its registered sites.
        server: name of the server its database is on; `main` is the installation's own.
    """

    id: UUID
    slug: str
    name: str
    status: str
    sites: tuple[str, ...]
    server: str


@dataclass(frozen=True, slots=True)
class TenantUser:
    """A member of the tenant.

    Attributes:
        roles: codes; empty for whoever may not manage people.
    """

    id: UUID
    email: str
    name: str
    active: bool
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleSubscription:
    """A module the tenant can use, at the version that provisioned its tables."""

    module_code: str
    version: str
    subscribed_at: datetime


@dataclass(frozen=True, slots=True)
class BridgeInstance:
    """A bridge of the tenant.

    Attributes:
        connected: it gave a sign of life lately.
        last_seen: the newest sign of life, None before the first.
        down_since: when it was heard of last, once it counts as down.
        version: of the product on site, None before it connected.
        devices: endpoints it reads, by its newest heartbeat.
        devices_connected: those of them that are there.
        outbox_rows: rows that wait on site.
        clock_offset_s: by how much its clock was ahead.
        clock_is_off: that is too much.
    """

    bridge_id: str
    site: str
    connected: bool
    last_seen: datetime | None
    down_since: datetime | None = None
    version: str | None = None
    devices: int = 0
    devices_connected: int = 0
    outbox_rows: int | None = None
    clock_offset_s: float | None = None
    clock_is_off: bool = False


@dataclass(frozen=True, slots=True)
class Notification:
    """Something the person is told by name, by role, or with everybody.

    Attributes:
        severity: `info`, `warning` or `critical`.
    """

    id: UUID
    severity: str
    subject: str
    message: str
    action_url: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Stands in the settings where a secret is kept; `CoreDataService.get_secret` reads it."""

    key: str


class CoreDataService(Protocol):
    """Platform data of one tenant, for one person; bound to one module where a module holds it."""

    async def get_current_tenant(self) -> TenantProfile:
        """The tenant itself."""
        ...

    async def get_tenant_users(self, *, role: str | None = None, active: bool | None = None) -> Sequence[TenantUser]:
        """Members, by e-mail address. Without PLATFORM.MANAGE_PEOPLE: the active ones, and not their roles.

        Args:
            role: only those with this role.
            active: only those whose membership is, or is not, in force.

        Raises:
            InputError: no such role.
            DeniedError: roles or ended memberships are asked for by somebody who may not manage people.
        """
        ...

    async def get_user_permissions(self, module_code: str) -> frozenset[str]:
        """What the person may do in a module; nothing if the tenant does not have it."""
        ...

    async def get_tenant_subscriptions(self) -> Sequence[ModuleSubscription]:
        """Modules the tenant can use now, by code."""
        ...

    async def get_module_settings(self, module_code: str) -> Mapping[str, Any]:
        """Effective values by key: the tenant's, else the platform's, else the manifest's.

        A secret is None while it is not set, then a `SecretReference`.

        Raises:
            NotFoundError: no such module is installed.
            DeniedError: the tenant does not have the module; or it is another module's, and the person can do nothing
                there.
        """
        ...

    async def get_active_bridges(self) -> Sequence[BridgeInstance]:
        """Registered bridges, by id."""
        ...

    async def get_notifications(self, limit: int = 50) -> Sequence[Notification]:
        """What the person was told and has not put away, the newest first."""
        ...

    async def get_secret(self, key: str, *, purpose: str) -> Secret:
        """A secret of the module this is bound to.

        Args:
            key: of the setting.
            purpose: why it is read; stands in the access log.

        Raises:
            DeniedError: bound to no module, or the tenant does not have it.
            NotFoundError: it is not set.
        """
        ...

    async def has_module(self, module_code: str) -> bool:
        """Whether the tenant can use a module now."""
        ...

    def within(self, module_code: str, agent: str | None) -> CoreDataService:
        """The same, bound to one module, and to the agent that acts for the person if there is one."""
        ...
