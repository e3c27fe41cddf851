"""A module's tables in a tenant's database, made when it comes and put aside when it leaves."""

from __future__ import annotations

from contextlib import suppress

from core.connector import TenantDataConnector, connector_for
from core.db import TenantScope
from core.errors import NotFoundError
from core.sdk.manifest import Manifest
from core.tenancy import Tenancy


async def put_up(tenancy: Tenancy, scope: TenantScope, manifest: Manifest) -> None:
    """Bring back the tables a tenant left, at the module's version of now, or make them; may be repeated.

    Raises:
        InputError: the way from the version they had needs leave to lose values, or contradicts what stands there.
    """
    module = manifest.module_tables
    if not module.tables:
        return
    connector = await _connector(tenancy, scope, manifest)
    # Nothing was put aside: the tenant comes for the first time, or an interrupted return has brought it back already.
    with suppress(NotFoundError):
        await connector.restore()
    await bring_up(tenancy, scope, manifest)


async def bring_up(tenancy: Tenancy, scope: TenantScope, manifest: Manifest) -> None:
    """Bring tables to the module's version of now, or make them; may be repeated.

    Raises:
        InputError: the way there needs leave to lose values, or contradicts what stands there.
    """
    module = manifest.module_tables
    if not module.tables:
        return
    connector = await _connector(tenancy, scope, manifest)
    try:
        await connector.migrate(module.tables, module.migrations, module.version)
    except NotFoundError:
        await connector.provision_tables(module.tables, version=module.version)


async def put_aside(tenancy: Tenancy, scope: TenantScope, manifest: Manifest) -> None:
    """Put the tables out of the module's reach; may be repeated, and nothing is deleted."""
    if manifest.module_tables.tables:
        connector = await _connector(tenancy, scope, manifest)
        # They are aside already: an interrupted leave got as far as this.
        with suppress(NotFoundError):
            await connector.archive()


async def _connector(tenancy: Tenancy, scope: TenantScope, manifest: Manifest) -> TenantDataConnector:
    return await connector_for(tenancy, scope, schema=manifest.schema_name)
