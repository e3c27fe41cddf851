"""The vault of an installation: tenants' secrets in the platform database.

Three steps of keys: the master key wraps one data key a tenant, the data key seals the tenant's values (AES-256-GCM).
Values lie in the platform database and not in the tenant's own: they are configuration, a tenant's modules must not
reach them by SQL, and an export of the tenant carries them only under a key that travels apart (`transfer`). Without
its row in `vault_keys` nothing of a tenant can be opened again, which is how a removed tenant's secrets end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from core.audit import Actor, Audit
from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.run.folder import RunFolder
from core.settings import Settings
from core.vault.installation import InstallationVault
from core.vault.master import MasterKeys
from core.vault.tenant import TenantVault

_SQL = load_queries("core.vault")


class Vault:
    """Opens tenants' vaults and turns the master key, which wraps the installation's own data key too."""

    def __init__(self, platform: Database, master: MasterKeys, audit: Audit, own: InstallationVault) -> None:
        self._platform = platform
        self._master = master
        self._audit = audit
        self._own = own

    @classmethod
    def over(cls, platform: Database, run: RunFolder, settings: Settings, audit: Audit) -> Vault:
        """The vault of an installation.

        Args:
            platform: platform database under a role that row-level security holds.
            run: keeps the master key unless a command does.
            settings: says which.
            audit: where every access is written; an access that cannot be written does not happen.
        """
        master = MasterKeys.by_settings(run, settings)
        return cls(platform, master, audit, InstallationVault(run, master))

    def of(self, scope: TenantScope, actor: Actor) -> TenantVault:
        """One tenant's secrets, for one actor.

        Args:
            scope: the tenant.
            actor: who reads and writes.
        """
        return TenantVault(self._platform, self._master, self._audit, scope, actor)

    async def rotate_master(self, every: Callable[[], Awaitable[Sequence[TenantScope]]], actor: Actor) -> int:
        """Wrap every data key under a new master key, the tenants' all or none, then forget the old one.

        After an interruption the next call goes on with the same new key. Also moves an installation from one kind of
        master key to another.

        Args:
            every: lists every tenant there is, asked for under the lock; who is left out loses their secrets.
            actor: who does it.

        Returns:
            Data keys that were wrapped anew.
        """
        wrapped = 0
        # One connection for all of it: those who wait for the lock may hold all others of the pool.
        async with self._platform.transaction() as transaction:
            await transaction.execute(_SQL["hold_master"])
            await self._master.current.rotate()
            scopes = await every()
            for scope in scopes:
                await transaction.execute(_SQL["act_for"], scope.id)
                wrapped += await self.of(scope, actor).wrap_anew(transaction)
        wrapped += await self._own.wrap_anew()
        await self._master.current.retire()
        for scope in scopes:
            await self._audit.record(scope, actor, "vault.wrap", "*", None, {"purpose": "new master key"})
        return wrapped
