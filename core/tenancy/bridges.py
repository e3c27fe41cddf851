"""Bridges of a tenant's sites, and the keys that they sign in with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.audit import Actor, Audit
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, NotFoundError
from core.run.folder import RunFolder
from core.tenancy.keys import hash_of, matches, new_key, prefix_for, prefix_of

_SQL = load_queries("core.tenancy")


@dataclass(frozen=True, slots=True)
class BridgeIdentity:
    """Who holds a bridge key."""

    tenant: TenantScope
    bridge_id: str
    site: str


@dataclass(frozen=True, slots=True)
class BridgeRecord:
    """A bridge as the platform knows it; `last_seen` is None until it first signed in."""

    bridge_id: str
    site: str
    key_file: str
    incarnation: str | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class BridgeStanding:
    """What holds for a bridge now: the hash of its key, and the contract in force on its site."""

    bridge_id: str
    key_hash: bytes
    contract_sha256: str


class Bridges:
    """Bridges in the platform database, under row-level security; their keys lie in the run folder."""

    def __init__(self, database: Database, run: RunFolder, audit: Audit) -> None:
        self._database = database
        self._run = run
        self._audit = audit

    async def all(self, scope: TenantScope) -> list[BridgeRecord]:
        """Every bridge of a tenant."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return [BridgeRecord(**row) for row in await transaction.fetch(_SQL["bridges"])]

    async def standings(self, scope: TenantScope) -> dict[str, BridgeStanding]:
        """What holds for every bridge of a tenant, by its name."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["bridge_standings"])
        return {row["bridge_id"]: BridgeStanding(**row) for row in rows}

    async def ensure(self, transaction: Transaction, scope: TenantScope, site: str, site_id: UUID, file: str) -> None:
        """Make a site's bridge unless it has one; its key is written to a file under `secrets/`."""
        if await transaction.fetchrow(_SQL["bridge_of_site"], site_id):
            return
        key = self._key(scope, site, file)
        row = (scope.id, site_id, f"{site}-bridge", prefix_of(key), hash_of(key), file)
        await transaction.execute(_SQL["add_bridge"], *row)

    def _key(self, scope: TenantScope, site: str, key_file: str) -> str:
        # File before row: after a crash between the two the same key is taken up again.
        file = self._run.secrets / key_file
        prefix = prefix_for(str(scope.id), site)
        if file.exists() and prefix_of(kept := file.read_text(encoding="utf-8")) == prefix:
            return kept
        key = new_key(prefix)
        self._run.write_secret(key_file, key)
        return key

    async def key_file(self, scope: TenantScope, site: str) -> str:
        """Name under `secrets/` of the file for the key of a site's bridge, also of one that is still to be made."""
        for bridge in await self.all(scope):
            if bridge.site == site:
                return bridge.key_file
        plain = f"bridges/{site}.key"
        taken = await self._database.fetchval(_SQL["key_file_taken"], plain)
        return f"bridges/{scope.slug}.{site}.key" if taken else plain

    async def replace_key(self, scope: TenantScope, site: str, *, actor: Actor) -> str:
        """Give a site's bridge a new key; the old one stops working. Returns the file's name under `secrets/`."""
        async with self._database.transaction(scope.id) as transaction:
            row = await transaction.fetchrow("select id from sites where site = $1", site)
            if row is None:
                raise NotFoundError("no such site", received=site)
            bridge = await transaction.fetchrow(_SQL["bridge_of_site"], row["id"])
            if bridge is None:
                raise NotFoundError("the site has no bridge", received=site)
            key = new_key(prefix_for(str(scope.id), site))
            await transaction.execute(_SQL["replace_bridge_key"], row["id"], hash_of(key))
            self._audit.note(transaction, scope, actor, "bridge.replace_key", site)
            self._run.write_secret(bridge["key_file"], key)
            return str(bridge["key_file"])

    async def of_key(self, key: str) -> dict[str, Any]:
        """Tenant id, bridge id and site of whoever holds a key.

        Raises:
            DeniedError: nobody does.
        """
        prefix = prefix_of(key)
        row = None if prefix is None else await self._database.fetchrow(_SQL["bridge_by_prefix"], prefix)
        if row is None or not matches(key, row["key_hash"]):
            raise DeniedError("bridge key is not valid")
        return row
