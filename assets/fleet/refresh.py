"""One run of the fleet tables over an installation: who agreed, what they get, and a record of it."""

from __future__ import annotations

import asyncio

from assets.fleet.deliver import Delivery, deliver
from core.audit import Actor
from core.tenancy import Purpose, Tenancy
from lake.store import Lake


async def refresh(tenancy: Tenancy, lake: Lake, least: int, *, actor: Actor) -> Delivery:
    """Compute the fleet tables anew from the consents as they stand; the platform's own chain says whose data it read.

    Args:
        tenancy: the registry.
        lake: the installation's.
        least: tenants that a row must rest upon.
        actor: who does it.
    """
    lakes = {scope.slug: lake.tenant(scope.slug) for scope in await tenancy.list()}
    agreed = await tenancy.consents.among(await tenancy.active_tenants(), Purpose.FLEET)
    slugs = [scope.slug for scope in agreed]
    await tenancy.admin.record(actor, "fleet.refresh", Purpose.FLEET.value, None, {"agreed": slugs, "least": least})
    return await asyncio.to_thread(deliver, lakes, slugs, least)
