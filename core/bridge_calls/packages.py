"""Packages from the platform to a tenant's bridges: signed with the tenant's own key, sent over the one socket."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from hashlib import sha256
from typing import Any

from core.audit import Actor, Audit
from core.bridge_calls.calls import BridgeCalls
from core.bridge_calls.carrying import carry
from core.bridge_calls.package_keys import PackageKeys
from core.bridge_calls.routing import Place, route
from core.contracts.package import EVERYWHERE, Audience, build, open_package
from core.db import Database, TenantScope
from core.errors import GoldlayerError, TerminalError
from core.vault.vault import Vault

_TIMEOUT_S = 30.0


class BridgePackages:
    """Signs, sends and takes back; every change, and every one that was refused, is in the tenant's audit log."""

    def __init__(self, platform: Database, vault: Vault, audit: Audit, calls: BridgeCalls) -> None:
        self._keys = PackageKeys(platform, vault, audit)
        self._audit, self._calls = audit, calls

    async def public_key(self, scope: TenantScope, actor: Actor) -> bytes:
        """PEM that the tenant's bridges are to trust; the key is made when it is first asked for."""
        return (await self._keys.chain(scope, actor))[-1].public_key.encode()

    async def rotate(self, scope: TenantScope, actor: Actor, *, lost: bool = False) -> bytes:
        """Sign with a new key from now on; its public half, PEM. See `PackageKeys.rotate`."""
        return await self._keys.rotate(scope, actor, lost=lost)

    async def sign(
        self,
        scope: TenantScope,
        actor: Actor,
        name: str,
        version: str,
        files: Mapping[str, bytes],
        audience: Audience = EVERYWHERE,
    ) -> bytes:
        """A package for this tenant.

        Raises:
            InputError: a name, the version or a file is not what a package may hold, or it is too large.
        """
        packed = build(scope.slug, name, version, files, await self._keys.current(scope, actor), audience)
        await self._audit.record(scope, actor, "package.sign", name, after=_identity(packed, name, version))
        return packed

    async def push(self, scope: TenantScope, actor: Actor, place: Place, packed: bytes) -> str:
        """Install a package on one bridge; it stays as it is if the package does not load there.

        The bridge hears of the tenant's keys first, and gets the package piece by piece; after a link that broke, what
        it has is not sent again.

        Raises:
            DeniedError: the package is not this tenant's or not for this bridge, or the bridge does not trust it.
            InputError: it is no package, or the bridge cannot use it.
            BridgeOfflineError: the bridge has no socket now.
        """
        chain = await self._keys.chain(scope, actor)
        manifest = open_package(packed, chain[-1].public_key.encode(), scope.slug).manifest
        manifest.check_place(place.site, place.bridge_id)
        whole = {"sha256": sha256(packed).hexdigest(), "bytes": len(packed)}

        async def ask(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return await self._calls.call(scope, place, tool, arguments, asked_by=actor.name, timeout_s=_TIMEOUT_S)

        async def send() -> dict[str, Any]:
            await ask("package_trust", {"keys": [link.model_dump() for link in chain]})
            await carry(packed, ask)
            return await ask("package_install", whole)

        told = _identity(packed, manifest.name, manifest.version)
        answer = await self._recorded(scope, actor, place, send(), ("package.push", told))
        return str(answer["installed"])

    async def rollback(self, scope: TenantScope, actor: Actor, place: Place, name: str) -> str | None:
        """Have a bridge use the version before; the version now in use.

        Raises:
            NotFoundError: the bridge uses no such package.
            BridgeOfflineError: the bridge has no socket now.
        """
        asked = self._calls.call(
            scope, place, "package_rollback", {"name": name}, asked_by=actor.name, timeout_s=_TIMEOUT_S
        )
        answer = await self._recorded(scope, actor, place, asked, ("package.rollback", {"package": name}))
        return answer["in_use"]

    async def place(self, scope: TenantScope, site: str | None) -> Place:
        """The bridge of a site, or the only one.

        Raises:
            InputError: the tenant has several bridges, and the site is not named.
            NotFoundError: no such site, or no bridge.
        """
        return route(await self._calls.places(scope), site=site)

    async def list(self, scope: TenantScope, actor: Actor, place: Place) -> dict[str, Any]:
        """Packages of a bridge, what happened to them, and the fingerprint of the key it trusts."""
        return await self._calls.call(scope, place, "package_list", {}, asked_by=actor.name, timeout_s=_TIMEOUT_S)

    async def _recorded(
        self,
        scope: TenantScope,
        actor: Actor,
        place: Place,
        asked: Awaitable[dict[str, Any]],
        record: tuple[str, dict[str, str]],
    ) -> dict[str, Any]:
        action, told = record
        try:
            answer = await asked
        except GoldlayerError as error:
            outcome = "denied" if isinstance(error, TerminalError) else "failed"
            after = told | {"error": error.sentence()}
            await self._audit.record(scope, actor, action, place.bridge_id, after=after, outcome=outcome)
            raise
        await self._audit.record(scope, actor, action, place.bridge_id, after=told | answer)
        return answer


def _identity(packed: bytes, name: str, version: str) -> dict[str, str]:
    return {"package": name, "version": version, "sha256": sha256(packed).hexdigest()}
