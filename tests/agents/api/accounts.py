"""The doors of the agent service over real accounts, without tools or a model behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx
from fastapi import FastAPI

from agents.api.app import create_app
from agents.api.services import Services
from agents.registry import Registry
from core.identity import IdentityService
from core.identity.federation.providers import Providers
from core.identity.federation.service import Federation
from core.sdk.testing import tool_context
from core.settings import Settings
from core.tenancy import Tenancy
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation


@dataclass
class House:
    """The app and what stands behind it."""

    app: FastAPI
    tenancy: Tenancy
    service: IdentityService
    providers: Providers

    @asynccontextmanager
    async def client(
        self, base_url: str = "http://test", address: str = "127.0.0.1"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Asks the app without a wire, as if from an address."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client


@asynccontextmanager
async def house_of(
    tenancy: Tenancy, prepared: Installation, public_url: str = "http://test", settings: Settings | None = None
) -> AsyncIterator[House]:
    """The app for as long as the block lasts; `public_url` is where browsers reach it."""
    service = IdentityService(tenancy, prepared.run, settings or prepared.settings)
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    federation = Federation(tenancy, service, Providers(tenancy, vault), prepared.run, public_url)

    async def context_of(person: Any) -> Any:
        return tool_context(permissions=tuple(person.permissions), tenant=person.tenant)

    nothing = cast("Any", None)
    services = Services(service, service, federation, Registry([], []), nothing, context_of, nothing)
    app = create_app(lambda: nullcontext(services), [])
    async with app.router.lifespan_context(app):
        yield House(app, tenancy, service, federation.providers)
    await federation.close()
