"""One tenant's secrets."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.audit import Actor, Audit
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, InputError, NotFoundError, TerminalError
from core.vault.master import MasterKeys, Wrapped
from core.vault.sealing import seal, unseal
from core.vault.secret import Secret

_SQL = load_queries("core.vault")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_./-]{0,127}")
_KEY_BYTES = 32
LONGEST = 65_536
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A secret as a list shows it: everything but the value.

    Attributes:
        version: the newest.
        versions: how many can still be read.
    """

    name: str
    version: int
    versions: int
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the access log, which is a view of the audit log."""

    seq: int
    at: datetime
    actor: str
    action: str
    name: str
    outcome: str
    purpose: str | None
    version: int | None


class TenantVault:
    """Reads and writes the secrets of one tenant for one actor; made by `Vault.of`.

    Every access is in the tenant's audit log before its value is handed out, denied ones too.
    """

    def __init__(
        self, platform: Database, master: MasterKeys, audit: Audit, scope: TenantScope, actor: Actor, within: str = ""
    ) -> None:
        self._platform = platform
        self._master = master
        self._audit = audit
        self._scope = scope
        self._actor = actor
        self._within = within

    def restricted(self, prefix: str) -> TenantVault:
        """This vault for somebody who may only touch names that begin with a prefix."""
        return TenantVault(
            self._platform, self._master, self._audit, self._scope, self._actor, f"{self._within}{prefix}"
        )

    async def put(self, name: str, value: Secret, *, purpose: str) -> int:
        """Keep a value as the next version of a name; those before it stay until they are purged.

        Returns:
            The version.

        Raises:
            InputError: not a usable name, or a value that is empty or too long.
            DeniedError: the name is outside of what this vault may touch.
        """
        await self._check("put", name, purpose)
        if not 0 < len(value.reveal()) <= LONGEST:
            raise InputError("not a value for a secret", expected=f"1 to {LONGEST} characters", where=name)
        if not value.is_text():
            raise InputError("not a value for a secret", expected="a text in UTF-8", where=name)
        async with self._platform.transaction(self._scope.id) as transaction:
            await self._lock(transaction)
            key_version, key = await self._newest_key(transaction)
            version = int(await transaction.fetchval(_SQL["next_version"], self._scope.id, name))
            sealed = seal(key, self._place(name, version), value.reveal())
            row = (self._scope.id, name, version, key_version, sealed, str(self._actor))
            await transaction.execute(_SQL["add_secret"], *row)
            self._changed(transaction, "put", name, purpose, version)
        return version

    async def get(self, name: str, *, purpose: str, version: int | None = None) -> Secret:
        """A value.

        Args:
            name: of the secret.
            purpose: why it is read; stands in the access log.
            version: an older one; the newest if unset.

        Raises:
            NotFoundError: no such secret, or that version was purged.
            DeniedError: the name is outside of what this vault may touch.
            TerminalError: the stored value was changed or moved, or no master key opens it.
        """
        await self._check("get", name, purpose)
        try:
            found, value = await self._open(name, version)
        except NotFoundError:
            await self._told("get", name, purpose, "missing", version)
            raise
        except TerminalError:
            await self._told("get", name, purpose, "failed", version)
            raise
        await self._told("get", name, purpose, "done", found)
        return value

    async def refuse(self, name: str, *, purpose: str) -> None:
        """Write down that somebody was not let near a secret, for those who decide that before they ask the vault."""
        await self._told("get", name, purpose, "denied")

    async def list(self) -> list[KeptSecret]:
        """What is kept, by name; no values."""
        async with self._platform.transaction(self._scope.id, readonly=True) as transaction:
            kept = [KeptSecret(**row) for row in await transaction.fetch(_SQL["list"], self._scope.id)]
        return [one for one in kept if one.name.startswith(self._within)]

    async def purge(self, name: str, *, purpose: str, keep: int = 1) -> int:
        """Destroy old versions of a value; returns how many.

        Args:
            name: of the secret.
            purpose: why.
            keep: newest versions that are spared; 0 ends the secret.
        """
        await self._check("purge", name, purpose)
        if keep < 0:
            raise InputError("not a number of versions", expected="0 or more", received=keep)
        async with self._platform.transaction(self._scope.id) as transaction:
            await transaction.execute(_SQL["lock_tenant"], self._scope.id)
            gone = len(await transaction.fetch(_SQL["purge"], self._scope.id, name, keep))
            self._changed(transaction, "purge", name, purpose)
        return gone

    async def rotate_key(self, *, purpose: str) -> int:
        """Seal every value under a new data key and forget the old one, all or nothing; returns how many."""
        await self._check_whole("rotate_key", purpose)
        async with self._platform.transaction(self._scope.id) as transaction:
            await self._lock(transaction)
            keys = await self._keys(transaction)
            if not keys:
                return 0
            newest, key = await self._new_key(transaction, max(keys) + 1)
            rows = await transaction.fetch(_SQL["sealed"], self._scope.id)
            for row in rows:
                place = self._place(row["name"], row["version"])
                value = _opened(keys[row["key_version"]], place, row["sealed"], row["name"])
                moved = seal(key, place, value.reveal())
                await transaction.execute(_SQL["seal_anew"], self._scope.id, row["name"], row["version"], newest, moved)
            await transaction.execute(_SQL["drop_keys"], self._scope.id, newest)
            self._changed(transaction, "rotate_key", "*", purpose)
        return len(rows)

    async def wrap_anew(self, transaction: Transaction) -> int:
        """Wrap the tenant's data keys under the master key of now; returns how many. A step of `Vault.rotate_master`.

        Args:
            transaction: acts for this tenant and holds the lock of the master key.
        """
        rows = await transaction.fetch(_SQL["keys"], self._scope.id)
        for row in rows:
            context = self._context(row["version"])
            key = await self._master.unwrap(Wrapped(row["master"], row["wrapped"]), context)
            wrapped = await self._master.wrap(key, context)
            await transaction.execute(_SQL["wrap_anew"], self._scope.id, row["version"], wrapped.master, wrapped.text)
        return len(rows)

    async def shred(self, *, purpose: str) -> None:
        """Destroy the tenant's data keys and values for good.

        A copy of the database made before still holds the wrapped data key: rotate the master key to end that too.
        """
        await self._check_whole("shred", purpose)
        async with self._platform.transaction(self._scope.id) as transaction:
            await transaction.execute(_SQL["lock_tenant"], self._scope.id)
            await transaction.execute(_SQL["shred_secrets"], self._scope.id)
            await transaction.execute(_SQL["shred_keys"], self._scope.id)
            self._changed(transaction, "shred", "*", purpose)

    async def accesses(self, limit: int = 50) -> list[Access]:
        """The newest accesses, newest first."""
        async with self._platform.transaction(self._scope.id, readonly=True) as transaction:
            return [Access(**row) for row in await transaction.fetch(_SQL["accesses"], self._scope.id, limit)]

    async def _check(self, action: str, name: str, purpose: str) -> None:
        if not _NAME.fullmatch(name):
            raise InputError("not a name for a secret", expected="letters, digits and _./-, up to 128", received=name)
        if not purpose.strip():
            raise InputError("a secret is touched for a purpose", expected="a few words", where=name)
        if not name.startswith(self._within):
            await self._told(action, name, purpose, "denied")
            raise DeniedError("this secret belongs to somebody else", expected=f"{self._within}…", received=name)

    async def _check_whole(self, action: str, purpose: str) -> None:
        if self._within:
            await self._told(action, "*", purpose, "denied")
            raise DeniedError("this needs the tenant's whole vault", received=f"{self._within}…")

    async def _open(self, name: str, version: int | None) -> tuple[int, Secret]:
        async with self._platform.transaction(self._scope.id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["read"], self._scope.id, name, version)
        if row is None or row["sealed"] is None:
            raise NotFoundError(
                "no such secret in the vault", received=name if version is None else f"{name}@{version}"
            )
        key = await self._master.unwrap(Wrapped(row["master"], row["wrapped"]), self._context(row["key_version"]))
        return row["version"], _opened(key, self._place(name, row["version"]), row["sealed"], name)

    async def _lock(self, transaction: Transaction) -> None:
        # Always in this order, or a rotation of the master key and one of a data key wait for each other.
        await transaction.execute(_SQL["share_master"])
        await transaction.execute(_SQL["lock_tenant"], self._scope.id)

    async def _newest_key(self, transaction: Transaction) -> tuple[int, bytes]:
        row = await transaction.fetchrow(_SQL["newest_key"], self._scope.id)
        if row is None:
            return await self._new_key(transaction, 1)
        key = await self._master.unwrap(Wrapped(row["master"], row["wrapped"]), self._context(row["version"]))
        return row["version"], key

    async def _new_key(self, transaction: Transaction, version: int) -> tuple[int, bytes]:
        key = os.urandom(_KEY_BYTES)
        wrapped = await self._master.wrap(key, self._context(version))
        await transaction.execute(_SQL["add_key"], self._scope.id, version, wrapped.master, wrapped.text)
        return version, key

    async def _keys(self, transaction: Transaction) -> dict[int, bytes]:
        return {
            row["version"]: await self._master.unwrap(
                Wrapped(row["master"], row["wrapped"]), self._context(row["version"])
            )
            for row in await transaction.fetch(_SQL["keys"], self._scope.id)
        }

    def _place(self, name: str, version: int) -> str:
        """What a value is bound to: moved to another tenant, name or version it does not open."""
        return json.dumps(["goldlayer secret", str(self._scope.id), name, version])

    def _context(self, version: int) -> str:
        return data_key_context(self._scope.id, version)

    def _changed(
        self, transaction: Transaction, action: str, name: str, purpose: str, version: int | None = None
    ) -> None:
        facts = {"purpose": purpose, "version": version}
        self._audit.note(transaction, self._scope, self._actor, f"vault.{action}", name, after=facts)

    async def _told(self, action: str, name: str, purpose: str, outcome: str, version: int | None = None) -> None:
        facts = {"purpose": purpose, "version": version}
        await self._audit.record(self._scope, self._actor, f"vault.{action}", name, None, facts, outcome)


def data_key_context(tenant_id: UUID, version: int) -> str:
    """What a wrapped data key is bound to."""
    return json.dumps(["goldlayer data key", str(tenant_id), version])


def _opened(key: bytes, place: str, sealed: str, name: str) -> Secret:
    value = unseal(key, place, sealed)
    if value is None:
        raise TerminalError("a secret in the vault was changed or moved", received=name, next_step="put it again")
    return Secret(value)
