"""One operation gives a tenant a module, one takes it away; both go on where a crash left them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import GoldlayerError, InputError, NotFoundError
from core.identity import IdentityService
from core.sdk.manifest import Manifest
from core.subscriptions.tables import bring_up, put_aside, put_up
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.subscriptions")
_MESSAGES = {
    "subscribed": "Its tables are made and its permissions are with the roles it proposes; change them as you need.",
    "unsubscribed": "Its tools and pages are gone; its data is put aside and comes back if you subscribe again.",
}
REMEMBERED_S = 1.0
"""Longest time in which a module that was taken away still answers."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One module of a tenant.

    Attributes:
        state: `subscribing`, `active`, `unsubscribing` or `archived`; only `active` can be used.
        version: of the module that provisioned its tables.
    """

    module_code: str
    state: str
    version: str | None
    subscribed_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """What happened to a tenant's subscription, and through whom."""

    at: datetime
    module_code: str
    event: str
    version: str | None
    actor: str


class Subscriptions:
    """Which tenant has which of the installed modules; lives in one event loop."""

    def __init__(self, tenancy: Tenancy, identity: IdentityService, manifests: Iterable[Manifest]) -> None:
        """Over an installation.

        Args:
            tenancy: the registry of tenants.
            identity: grants the permissions a module brings.
            manifests: of the installed modules, which the catalogue knows (`ModuleRegistry.sync`).
        """
        self._tenancy = tenancy
        self._identity = identity
        self._manifests = {one.module_code: one for one in manifests}
        self._known: dict[UUID, tuple[float, frozenset[str]]] = {}
        # An operation holds one connection for its lock and works on others: one at a time, lest they all wait.
        self._working = asyncio.Lock()

    async def subscribe(self, scope: TenantScope, module_code: str, *, actor: Actor) -> bool:
        """Give a tenant a module: its tables, the permissions by default roles, history and notice.

        May be repeated, and goes on where an interrupted one stopped. A module that was archived comes back with the
        data it had; permissions an administrator changed stay as they were arranged.

        Returns:
            True if the tenant did not have it before.

        Raises:
            NotFoundError: no such module is installed.
            InputError: its tables contradict what stands in the tenant's database.
        """
        manifest = self.manifest(module_code)
        async with self._alone(scope, module_code):
            before = await self._state(scope, module_code)
            if before == "active":
                return False
            if before == "unsubscribing":
                await self._finish_leaving(scope, manifest, actor)
            async with self._tenancy.platform.transaction(scope.id) as transaction:
                await transaction.execute(_SQL["begin"], scope.id, module_code)
            await put_up(self._tenancy, scope, manifest)
            await self._grant(scope, manifest, actor)
            async with self._tenancy.platform.transaction(scope.id) as transaction:
                await transaction.execute(_SQL["activate"], scope.id, module_code, manifest.module_version)
                await self._tell(transaction, scope, manifest, "subscribed", actor)
                after = {"version": manifest.module_version}
                self._tenancy.audit.note(transaction, scope, actor, "module.subscribe", module_code, before, after)
        return True

    async def unsubscribe(self, scope: TenantScope, module_code: str, *, actor: Actor) -> bool:
        """Take a module away: tools and routes within seconds, tables put aside, nothing deleted; may be repeated.

        Permissions stay as they were arranged, settings too: they count again when the tenant comes back.

        Returns:
            True if the tenant had it.

        Raises:
            NotFoundError: no such module is installed.
            InputError: the tenant is being subscribed to it at this moment, or that was interrupted.
        """
        manifest = self.manifest(module_code)
        async with self._alone(scope, module_code):
            before = await self._state(scope, module_code)
            if before in (None, "archived"):
                return False
            if before == "subscribing":
                raise InputError(
                    "a subscription was begun and not finished",
                    received=module_code,
                    next_step=f"platform modules subscribe {module_code} --tenant {scope.slug}",
                )
            await self._finish_leaving(scope, manifest, actor)
        return True

    async def _finish_leaving(self, scope: TenantScope, manifest: Manifest, actor: Actor) -> None:
        code = manifest.module_code
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["leave"], scope.id, code)
        self.forget(scope)
        await put_aside(self._tenancy, scope, manifest)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["archived"], scope.id, code)
            await self._tell(transaction, scope, manifest, "unsubscribed", actor)
            self._tenancy.audit.note(transaction, scope, actor, "module.unsubscribe", code, "active", "archived")

    async def start(self, scope: TenantScope, *, actor: Actor) -> None:
        """Subscribe a tenant that never had a module to all that are installed; may be repeated after a crash."""
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            if not await transaction.fetch(_SQL["all"], scope.id):
                for code in sorted(self._manifests):
                    await transaction.execute(_SQL["begin"], scope.id, code)
        await self.catch_up(scope, actor=actor)

    async def catch_up(self, scope: TenantScope, *, actor: Actor) -> list[str]:
        """Finish what was interrupted, subscribe a tenant to what it had before there were subscriptions, and bring its
        modules to the versions that are installed.

        Returns:
            Codes of the modules concerned.

        Raises:
            GoldlayerError: the first that could not be done; the others are done all the same.
        """
        failed: list[GoldlayerError] = []
        todo = await self._behind(scope)
        for code, state in todo.items():
            finish = {"unsubscribing": self.unsubscribe, "active": self._update}.get(state or "", self.subscribe)
            try:
                await finish(scope, code, actor=actor)
            except GoldlayerError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return sorted(todo)

    async def _behind(self, scope: TenantScope) -> dict[str, str | None]:
        """State of every installed module there is something to do about."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["to_catch_up"], scope.id)
        return {
            row["module_code"]: row["state"]
            for row in rows
            if row["module_code"] in self._manifests
            and (row["state"] != "active" or row["version"] != self._manifests[row["module_code"]].module_version)
        }

    async def _update(self, scope: TenantScope, module_code: str, *, actor: Actor) -> None:
        manifest = self.manifest(module_code)
        async with self._alone(scope, module_code):
            if await self._state(scope, module_code) != "active":
                return
            await bring_up(self._tenancy, scope, manifest)
            await self._grant(scope, manifest, actor)
            await self.arrived(scope, module_code, manifest.module_version, actor=actor)

    async def arrived(self, scope: TenantScope, module_code: str, version: str, *, actor: Actor) -> None:
        """Note at which version a subscribed module's tables stand after a migration; may be repeated."""
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            if await transaction.fetchval(_SQL["arrived"], scope.id, module_code, version):
                await transaction.execute(_SQL["remember"], scope.id, module_code, "migrated", version, str(actor))
                self._tenancy.audit.note(transaction, scope, actor, "module.update", module_code, None, version)

    async def active(self, scope: TenantScope) -> frozenset[str]:
        """Codes of the installed modules a tenant may use, as of at most `REMEMBERED_S` ago."""
        at, codes = self._known.get(scope.id, (0.0, frozenset[str]()))
        if time.monotonic() - at < REMEMBERED_S:
            return codes
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["active"], scope.id)
        codes = frozenset(row["module_code"] for row in rows) & self._manifests.keys()
        self._known[scope.id] = (time.monotonic(), codes)
        return codes

    async def all(self, scope: TenantScope) -> list[Subscription]:
        """Every module a tenant has or had, by code."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [Subscription(**row) for row in await transaction.fetch(_SQL["all"], scope.id)]

    async def history(self, scope: TenantScope, limit: int = 50) -> list[HistoryLine]:
        """The newest lines of a tenant's history, newest first."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [HistoryLine(**row) for row in await transaction.fetch(_SQL["history"], scope.id, limit)]

    def manifest(self, module_code: str) -> Manifest:
        """The manifest of an installed module.

        Raises:
            NotFoundError: there is none.
        """
        if module_code not in self._manifests:
            known = ", ".join(sorted(self._manifests))
            raise NotFoundError("no such module", expected=known or None, received=module_code)
        return self._manifests[module_code]

    def forget(self, scope: TenantScope) -> None:
        """Ask again at the next look: this process has just changed something."""
        self._known.pop(scope.id, None)

    @asynccontextmanager
    async def _alone(self, scope: TenantScope, module_code: str) -> AsyncGenerator[None]:
        try:
            async with self._working, self._tenancy.platform.transaction() as lock:
                await lock.execute(_SQL["lock"], scope.id, module_code)
                yield
        finally:
            self.forget(scope)

    async def _grant(self, scope: TenantScope, manifest: Manifest, actor: Actor) -> None:
        rights = {permission.code: permission.default_roles for permission in manifest.permissions}
        await self._identity.grant_module_permissions(scope, manifest.module_code, rights, actor=actor)

    async def _state(self, scope: TenantScope, module_code: str) -> str | None:
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return await transaction.fetchval(_SQL["state"], scope.id, module_code)

    async def _tell(
        self, transaction: Transaction, scope: TenantScope, manifest: Manifest, event: str, actor: Actor
    ) -> None:
        code, version = manifest.module_code, manifest.module_version
        await transaction.execute(_SQL["remember"], scope.id, code, event, version, str(actor))
        subject = f"{manifest.module_name} is {'yours to use' if event == 'subscribed' else 'no longer subscribed'}"
        await transaction.execute(_SQL["tell_admins"], scope.id, ADMIN_ROLE, subject, _MESSAGES[event])
