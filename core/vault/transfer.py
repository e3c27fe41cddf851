"""A tenant's vault on its way to another installation, whose master key is another one.

Values stay sealed as they are, bound to the tenant's id; only the data keys that seal them are wrapped anew, under a
key that travels apart from the values. Nothing is ever written down in the clear.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.audit import Actor, Audit
from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import Settings
from core.vault.master import MasterKeys, Wrapped
from core.vault.sealing import SHORTEST_KEY, derive, seal, unseal
from core.vault.tenant import data_key_context

_SQL = load_queries("core.vault", "transfer.sql")
_MASTER = load_queries("core.vault")


class TransferKey:
    """The key that travels: random text in a file."""

    def __init__(self, text: str) -> None:
        self._key = derive(text, b"", b"goldlayer vault transfer")

    @classmethod
    def at(cls, file: Path, *, create: bool = False) -> TransferKey:
        """The key of a file.

        Args:
            file: readable by its owner alone.
            create: make it, with a new key, if it is not there.

        Raises:
            InputError: it cannot be read or made, or is too short to be a key.
        """
        try:
            if create and not file.exists():
                with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
                    made.write(f"{secrets.token_urlsafe(32)}\n")
                    made.flush()
                    os.fsync(made.fileno())
            text = file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise InputError("the key of the secrets cannot be read or made", where=str(file)) from error
        if len(text) < SHORTEST_KEY:
            raise InputError(
                "not a key for secrets", expected=f"{SHORTEST_KEY} random characters or more", where=str(file)
            )
        return cls(text)

    def wrap(self, key: bytes, context: str) -> str:
        """A data key that only this key opens."""
        return seal(self._key, context, base64.b64encode(key).decode())

    def unwrap(self, text: str, context: str) -> bytes:
        """A data key.

        Raises:
            InputError: it was wrapped by another key.
        """
        opened = unseal(self._key, context, text)
        if opened is None:
            raise InputError("this key does not open the secrets of the export", next_step="name the file it came with")
        return base64.b64decode(opened)


class VaultTransfer:
    """Takes one tenant's vault out and brings it in.

    Args:
        platform: platform database under a role that row-level security holds.
        master: of this installation.
        audit: where both are recorded.
    """

    def __init__(self, platform: Database, master: MasterKeys, audit: Audit) -> None:
        self._platform = platform
        self._master = master
        self._audit = audit

    @classmethod
    def over(cls, platform: Database, run: RunFolder, settings: Settings, audit: Audit) -> VaultTransfer:
        """Between an installation and another one; arguments as of `Vault.over`."""
        return cls(platform, MasterKeys.by_settings(run, settings), audit)

    async def count(self, scope: TenantScope) -> int:
        """Versions of values that can be opened."""
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            return int(await transaction.fetchval(_SQL["count"]))

    async def pack(self, scope: TenantScope, key: TransferKey, actor: Actor) -> tuple[list[str], list[str]]:
        """The tenant's data keys under the key that travels, and its values as they are sealed: a line of JSON each."""
        async with self._platform.transaction(scope.id) as transaction:
            await transaction.execute(_MASTER["share_master"])
            await transaction.execute(_MASTER["lock_tenant"], scope.id)
            keys: list[str] = []
            for row in await transaction.fetch(_MASTER["keys"], scope.id):
                context = data_key_context(scope.id, row["version"])
                opened = await self._master.unwrap(Wrapped(row["master"], row["wrapped"]), context)
                keys.append(json.dumps({"version": row["version"], "wrapped": key.wrap(opened, context)}))
            values = [row["line"] for row in await transaction.fetch(_SQL["values"])]
            facts = {"purpose": "export of the tenant", "version": None}
            self._audit.note(transaction, scope, actor, "vault.export", "*", after=facts)
        return keys, values

    async def unpack(self, scope: TenantScope, keys: Sequence[str], values: Sequence[str], key: TransferKey) -> None:
        """Bring packed keys and values into an empty vault, the keys under this installation's master key.

        Raises:
            InputError: the key is another one than they were packed with.
        """
        async with self._platform.transaction(scope.id) as transaction:
            await transaction.execute(_MASTER["share_master"])
            await transaction.execute(_MASTER["lock_tenant"], scope.id)
            for line in keys:
                row: dict[str, Any] = json.loads(line)
                context = data_key_context(scope.id, row["version"])
                wrapped = await self._master.wrap(key.unwrap(row["wrapped"], context), context)
                await transaction.execute(_MASTER["add_key"], scope.id, row["version"], wrapped.master, wrapped.text)
            await transaction.execute(_SQL["add_values"], scope.id, list(values))
