"""Packages from the platform to a tenant's bridges: signed with the tenant's own key, sent over the one socket."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from core.audit import Actor, Audit
from core.bridge_calls.calls import BridgeCalls
from core.bridge_calls.routing import Place, route
from core.contracts.package import build, open_package
from core.db import TenantScope
from core.errors import GoldlayerError, NotFoundError, TerminalError
from core.vault.secret import Secret
from core.vault.vault import Vault

SECRET = "packages/signing-key"  # noqa: S105  a name in the vault
_PURPOSE = "packages for bridges"
_TIMEOUT_S = 30.0


class BridgePackages:
    """Signs, sends and takes back; every change, and every one that was refused, is in the tenant's audit log."""

    def __init__(self, vault: Vault, audit: Audit, calls: BridgeCalls) -> None:
        self._vault, self._audit, self._calls = vault, audit, calls

    async def public_key(self, scope: TenantScope, actor: Actor) -> bytes:
        """PEM that the tenant's bridges are to trust; the key is made when it is first asked for."""
        key = await self._key(scope, actor)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    async def sign(
        self, scope: TenantScope, actor: Actor, name: str, version: str, files: Mapping[str, bytes], bridge: str
    ) -> bytes:
        """A package for this tenant.

        Raises:
            InputError: a name, the version or a file is not what a package may hold, or it is too large.
        """
        packed = build(scope.slug, name, version, files, await self._key(scope, actor), bridge=bridge)
        await self._audit.record(scope, actor, "package.sign", name, after=_identity(packed, name, version))
        return packed

    async def push(self, scope: TenantScope, actor: Actor, place: Place, packed: bytes) -> str:
        """Install a package on one bridge; it stays as it is if the package does not load there.

        Raises:
            DeniedError: the package is not this tenant's, or the bridge does not trust it.
            InputError: it is no package, or the bridge cannot use it.
            BridgeOfflineError: the bridge has no socket now.
        """
        manifest = open_package(packed, await self.public_key(scope, actor), scope.slug).manifest
        arguments = {"package": base64.b64encode(packed).decode()}
        told = _identity(packed, manifest.name, manifest.version)
        answer = await self._ask(scope, actor, place, "package_install", arguments, ("package.push", told))
        return str(answer["installed"])

    async def rollback(self, scope: TenantScope, actor: Actor, place: Place, name: str) -> str | None:
        """Have a bridge use the version before; the version now in use.

        Raises:
            NotFoundError: the bridge uses no such package.
            BridgeOfflineError: the bridge has no socket now.
        """
        told = {"package": name}
        answer = await self._ask(scope, actor, place, "package_rollback", {"name": name}, ("package.rollback", told))
        return answer["in_use"]

    async def place(self, scope: TenantScope, site: str | None) -> Place:
        """The bridge of a site, or the only one.

        Raises:
            InputError: the tenant has several bridges, and the site is not named.
            NotFoundError: no such site, or no bridge.
        """
        return route(await self._calls.places(scope), site=site)

    async def list(self, scope: TenantScope, actor: Actor, place: Place) -> dict[str, Any]:
        """Packages of a bridge and what happened to them."""
        return await self._calls.call(scope, place, "package_list", {}, asked_by=actor.name, timeout_s=_TIMEOUT_S)

    async def _ask(
        self,
        scope: TenantScope,
        actor: Actor,
        place: Place,
        tool: str,
        arguments: Mapping[str, Any],
        record: tuple[str, dict[str, str]],
    ) -> dict[str, Any]:
        action, told = record
        try:
            answer = await self._calls.call(scope, place, tool, arguments, asked_by=actor.name, timeout_s=_TIMEOUT_S)
        except GoldlayerError as error:
            outcome = "denied" if isinstance(error, TerminalError) else "failed"
            after = told | {"error": error.sentence()}
            await self._audit.record(scope, actor, action, place.bridge_id, after=after, outcome=outcome)
            raise
        await self._audit.record(scope, actor, action, place.bridge_id, after=told | answer)
        return answer

    async def _key(self, scope: TenantScope, actor: Actor) -> Ed25519PrivateKey:
        vault = self._vault.of(scope, actor)
        try:
            secret = await vault.get(SECRET, purpose=_PURPOSE)
        except NotFoundError:
            fresh = Ed25519PrivateKey.generate()
            pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            await vault.put(SECRET, Secret(pem), purpose=_PURPOSE)
            return fresh
        key = load_pem_private_key(secret.reveal().encode(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TerminalError("signing key of packages is none", where=SECRET, next_step="purge it from the vault")
        return key


def _identity(packed: bytes, name: str, version: str) -> dict[str, str]:
    return {"package": name, "version": version, "sha256": sha256(packed).hexdigest()}
