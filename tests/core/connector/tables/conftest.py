from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.tenancy import Tenancy

Open = Callable[[str], Awaitable[TenantDataConnector]]


@pytest.fixture
def open_schema(tenancy: Tenancy) -> Open:
    """The connector of a schema in one tenant; schemas stay from test to test, so give yours own names."""

    async def opened(schema: str) -> TenantDataConnector:
        scope = await tenancy.create("tables-co", "Tables", actor=Actor.command("test"))
        return await connector_for(tenancy, scope, schema=schema)

    return opened
