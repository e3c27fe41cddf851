"""Plants of several tenants in a real installation, with a week of bronze each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.audit import Actor
from core.contracts.site import SiteFile
from core.tenancy import Tenancy
from lake.opening import open_lake
from lake.store import TenantLake
from tests.orchestration.conftest import SITE, registered, sink, week

if TYPE_CHECKING:
    from tests.installation import Installation

_TEST = Actor.command("test")


async def plants(installation: Installation, slugs: Sequence[str]) -> dict[str, TenantLake]:
    """A tenant for each slug, its one site registered, its week in bronze."""
    lake = open_lake(installation.run, installation.settings)
    async with await Tenancy.open(installation.run, installation.postgres, installation.settings) as tenancy:
        for slug in slugs:
            scope = await tenancy.create(slug, slug, actor=_TEST)
            site = SiteFile.model_validate({**SITE, "tenant": slug, "site": f"{slug}-plant"})
            await tenancy.register_site(scope, site, registered().contract, actor=_TEST)
    lakes = {slug: lake.tenant(slug) for slug in slugs}
    for slug, one in lakes.items():
        batch = week()
        sink(one, batch.with_columns(site=batch["site"].replace({"plant": f"{slug}-plant"})))
    return lakes
