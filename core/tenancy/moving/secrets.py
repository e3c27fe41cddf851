"""A tenant's vault; it travels only under a key that travels apart from it."""

from __future__ import annotations

from pathlib import Path

from core.audit import Actor
from core.db import TenantScope
from core.errors import InputError
from core.tenancy.moving.checksum import checksum_of
from core.tenancy.moving.holding import Content, Contents
from core.vault.transfer import TransferKey, VaultTransfer
from core.vault.vault import Vault

_KEYS, _VALUES, _SECRETS = "keys.jsonl", "values.jsonl", "secrets"


class VaultSecrets:
    """Implements `Holding`.

    Args:
        transfer: opens and wraps data keys.
        vault: shreds them.
        key: under which they travel; without one they stay behind.
        actor: whom the vault's access log names.
    """

    name = "secrets"

    def __init__(self, transfer: VaultTransfer, vault: Vault, key: TransferKey | None, actor: Actor) -> None:
        self._transfer = transfer
        self._vault = vault
        self._key = key
        self._actor = actor

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """Values sealed as they are, and the keys to them under the one that travels; nothing without that."""
        if self._key is None:
            return {}
        keys, values = await self._transfer.pack(scope, self._key, self._actor)
        if not keys:
            return {}
        for name, lines in ((_KEYS, keys), (_VALUES, values)):
            (to / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return {_SECRETS: _content(values)}

    async def remains(self, scope: TenantScope) -> str | None:  # noqa: ARG002  the port's signature
        """Nothing: a vault belongs to a registered tenant."""
        return None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """Bring them in under this installation's master key.

        Raises:
            InputError: the key they travelled under is not named, or another one.
        """
        if self._key is None:
            raise InputError(
                "the export holds secrets",
                expected="the key file that was written with it",
                where=str(source),
                next_step="name it with --secrets",
            )
        keys, values = ((source / name).read_text(encoding="utf-8").split("\n")[:-1] for name in (_KEYS, _VALUES))
        await self._transfer.unpack(scope, keys, values, self._key)
        # Packed once more, which opens every key again: what would not open here must be found out now.
        _, found = await self._transfer.pack(scope, self._key, self._actor)
        return {_SECRETS: _content(found)}

    async def remove(self, scope: TenantScope) -> None:
        """Destroy keys and values; recorded once, however often it is repeated."""
        if await self._transfer.count(scope):
            await self._vault.of(scope, self._actor).shred(purpose="the tenant is removed")


def _content(values: list[str]) -> Content:
    return Content(len(values), checksum_of(line.encode() for line in values))
