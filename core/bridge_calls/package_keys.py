"""The keys a tenant's packages are signed with: private halves in its vault, public ones in the platform database."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from core.audit import Actor, Audit
from core.contracts.package_key import MOST_LINKS, KeyLink, endorse, fingerprint, pem_of
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError, TerminalError
from core.vault.secret import Secret
from core.vault.tenant import TenantVault
from core.vault.vault import Vault

SECRET = "packages/signing-key"  # noqa: S105  a name in the vault
_PURPOSE = "packages for bridges"
_SQL = load_queries("core.bridge_calls", "package_keys.sql")


@dataclass(frozen=True, slots=True)
class _Kept:
    number: int
    public_key: str
    endorsement: str | None
    secret_version: int


async def chain_of(platform: Database, scope: TenantScope) -> list[KeyLink]:
    """A tenant's public keys, oldest first, as they are handed over to its bridges; none before the first was made."""
    async with platform.transaction(scope.id, readonly=True) as transaction:
        return [KeyLink(public_key=one.public_key, endorsement=one.endorsement) for one in await _kept(transaction)]


class PackageKeys:
    """Makes and uses them."""

    def __init__(self, platform: Database, vault: Vault, audit: Audit) -> None:
        self._platform, self._vault, self._audit = platform, vault, audit

    async def chain(self, scope: TenantScope, actor: Actor) -> list[KeyLink]:
        """The public keys, oldest first; the first is made when it is first asked for."""
        known = await chain_of(self._platform, scope)
        if known:
            return known
        await self._first(scope, actor)
        return await chain_of(self._platform, scope)

    async def current(self, scope: TenantScope, actor: Actor) -> Ed25519PrivateKey:
        """The key to sign with.

        Raises:
            TerminalError: the vault has it no more.
        """
        vault = self._vault.of(scope, actor)
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            known = await _kept(transaction)
        return await _private(vault, known[-1]) if known else await self._first(scope, actor)

    async def rotate(self, scope: TenantScope, actor: Actor, *, lost: bool = False) -> bytes:
        """Sign with a new key from now on; bridges follow by themselves, because the key before vouches for it.

        Args:
            scope: the tenant.
            actor: who does so.
            lost: the key before is not there to vouch: every bridge has to be told on site.

        Returns:
            The new public key, PEM.

        Raises:
            InputError: there is no key to replace.
            TerminalError: the key before is not in the vault, and `lost` was not said.
        """
        vault = self._vault.of(scope, actor)
        fresh = Ed25519PrivateKey.generate()
        async with self._platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock"], scope.id)
            known = await _kept(transaction)
            if not known:
                raise InputError(
                    "there is no key to replace", next_step="platform bridges packages key makes the first"
                )
            vouched = None if lost else endorse(await _private(vault, known[-1]), scope.slug, pem_of(fresh))
            # The vault has it before anybody hears of it; if this ends here, a version of a secret lies there unused.
            version = await vault.put(SECRET, _secret(fresh), purpose=_PURPOSE)
            added = _Kept(known[-1].number + 1, pem_of(fresh).decode(), vouched, version)
            await self._add(transaction, scope, actor, added)
        return pem_of(fresh)

    async def _first(self, scope: TenantScope, actor: Actor) -> Ed25519PrivateKey:
        vault = self._vault.of(scope, actor)
        async with self._platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock"], scope.id)
            known = await _kept(transaction)
            if known:
                return await _private(vault, known[-1])
            version = (await self._versions(vault)) or await vault.put(
                SECRET, _secret(Ed25519PrivateKey.generate()), purpose=_PURPOSE
            )
            key = await _read(vault, version)
            await self._add(transaction, scope, actor, _Kept(1, pem_of(key).decode(), None, version))
        return key

    async def _versions(self, vault: TenantVault) -> int:
        """Newest version of a key that lies in the vault without having been published; 0 if there is none."""
        return next((one.version for one in await vault.list() if one.name == SECRET), 0)

    async def _add(self, transaction: Transaction, scope: TenantScope, actor: Actor, one: _Kept) -> None:
        row = (scope.id, one.number, one.public_key, one.endorsement, one.secret_version)
        await transaction.execute(_SQL["add"], *row)
        told = {"number": one.number, "fingerprint": fingerprint(one.public_key.encode())}
        self._audit.note(transaction, scope, actor, "package.key", SECRET, None, told)


async def _kept(transaction: Transaction) -> list[_Kept]:
    return [_Kept(**row) for row in await transaction.fetch(_SQL["chain"], MOST_LINKS)]


async def _private(vault: TenantVault, kept: _Kept) -> Ed25519PrivateKey:
    """The private half of a published key."""
    try:
        key = await _read(vault, kept.secret_version)
    except NotFoundError as error:
        raise _gone() from error
    if pem_of(key).decode() != kept.public_key:
        raise _gone()
    return key


async def _read(vault: TenantVault, version: int) -> Ed25519PrivateKey:
    secret = await vault.get(SECRET, purpose=_PURPOSE, version=version)
    key = load_pem_private_key(secret.reveal().encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise _gone()
    return key


def _gone() -> TerminalError:
    return TerminalError(
        "the key for packages is not in the vault any more",
        where=SECRET,
        next_step="platform bridges packages rotate --lost, then platform bridge packages trust KEY at every site",
    )


def _secret(key: Ed25519PrivateKey) -> Secret:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
