"""What the gateway knows of bridges, sites and contracts: the platform database, remembered for a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from core.bridge_calls.package_keys import chain_of
from core.contracts.data_contract import DataContract
from core.contracts.health import BridgeHealth, Device
from core.contracts.package_key import KeyLink
from core.db import TenantScope
from core.identity import BridgeIdentity, IdentityService
from core.tenancy import BridgeStanding, Tenancy
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

    async def standings(self, tenant: TenantScope) -> Mapping[str, BridgeStanding]:
        """What holds for each of a tenant's bridges now, by its name."""
        return await self._tenancy.bridge_standings(tenant)

    async def contract(self, identity: BridgeIdentity, sha256: str) -> DataContract | None:
        """A contract of the bridge's site by its hash; None if the platform never saw it."""
        return await self._tenancy.contract_by_hash(identity.tenant, identity.site, sha256)

    async def promise(self, identity: BridgeIdentity, sha256: str) -> Promise | None:
        """What the bridge's site may send under a contract; None if the contract was never registered for it."""
        contract = await self.contract(identity, sha256)
        if contract is None:
            return None
        sites = {one.site.site: one.site for one in await self._tenancy.sites(identity.tenant)}
        return Promise.of(sites[identity.site], contract)

    async def package_keys(self, identity: BridgeIdentity) -> list[KeyLink]:
        """Public keys of the tenant's packages, oldest first; none before there are any."""
        return await chain_of(self._tenancy.platform, identity.tenant)

    async def introduce(self, identity: BridgeIdentity, version: str, devices: tuple[Device, ...]) -> None:
        """What a bridge says of itself when it connects."""
        await self._tenancy.fleet.introduce(identity.tenant, identity.bridge_id, version, devices)

    async def beat(
        self, identity: BridgeIdentity, incarnation: str, health: BridgeHealth, clock_offset_s: float
    ) -> None:
        """A heartbeat."""
        await self._tenancy.fleet.beat(identity.tenant, identity.bridge_id, incarnation, health, clock_offset_s)

    async def take_down_silent(self) -> None:
        """Tell the tenants of bridges that are silent too long; what another gateway told is not told again."""
        silent = await self._tenancy.fleet.silent()
        if not silent:
            return
        scopes = {scope.id: scope for scope in await self._tenancy.active_tenants()}
        for tenant_id, bridge_id in silent:
            if tenant_id in scopes:
                await self._tenancy.fleet.take_down(scopes[tenant_id], bridge_id)

    async def seen(self, identity: BridgeIdentity, incarnation: str) -> None:
        """The bridge gave a sign of life."""
        await self._tenancy.bridge_seen(identity.tenant, identity.bridge_id, incarnation)
