"""What the gateway knows of bridges, sites and contracts: the platform database, remembered for a moment."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from core.identity import BridgeIdentity, IdentityService
from core.tenancy import Tenancy
from ingestion.gateway.promise import Promise


class PlatformRegister:
    """Signs bridges in and looks their promises up; implements `Register`."""

    def __init__(self, tenancy: Tenancy, identity: IdentityService) -> None:
        self._tenancy = tenancy
        self._identity = identity

    async def authenticate(self, key: str) -> BridgeIdentity:
        """Who holds a key.

        Raises:
            DeniedError: nobody does.
            InactiveTenantError: its tenant is suspended.
            TransientError: the platform database does not answer.
        """
        return await self._identity.authenticate_bridge(key)

    async def active_tenants(self) -> Collection[UUID]:
        """Ids of the tenants whose bridges may be connected now."""
        return {scope.id for scope in await self._tenancy.active_tenants()}

    async def promise(self, identity: BridgeIdentity, sha256: str) -> Promise | None:
        """What the bridge's site may send under a contract; None if the contract was never registered for it."""
        contract = await self._tenancy.contract_by_hash(identity.tenant, identity.site, sha256)
        if contract is None:
            return None
        sites = {one.site.site: one.site for one in await self._tenancy.sites(identity.tenant)}
        return Promise.of(sites[identity.site], contract)

    async def seen(self, identity: BridgeIdentity, incarnation: str) -> None:
        """The bridge gave a sign of life."""
        await self._tenancy.bridge_seen(identity.tenant, identity.bridge_id, incarnation)
