"""Two tenants with their databases and one lake, as assets see them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from assets.databases import TenantDatabases
from core.tenancy import Tenancy, init_platform

TENANTS = ("serving-one", "serving-two")


@pytest.fixture(scope="session")
def databases(installation: SimpleNamespace) -> TenantDatabases:
    """The databases of the tenants `serving-one` and `serving-two`."""

    async def make() -> None:
        await init_platform(installation.run, installation.postgres, installation.settings)
        async with await Tenancy.open(installation.run, installation.postgres, installation.settings) as tenancy:
            for slug in TENANTS:
                await tenancy.create(slug, slug)

    asyncio.run(make())
    return TenantDatabases(run=str(installation.run.path))
