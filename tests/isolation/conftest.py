"""Two tenants that hold the same things under the same names; what belongs to B says so in every value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.contracts.data_contract import DataContract
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.site import SiteFile
from core.db import TenantScope
from core.identity import IdentityService
from core.settings import Settings
from core.tenancy import Tenancy
from tests.installation import opened_installation

if TYPE_CHECKING:
    from tests.conftest import Installation
    from tests.isolation.world import World

_ACTOR = Actor.command("test")
MARK = {"iso-alpha": "of alpha", "iso-beta": "of beta"}
PASSWORD = "the same password for both"


@dataclass(frozen=True)
class Side:
    """One of the two."""

    scope: TenantScope
    data: TenantDataConnector
    site: SiteFile
    contract: DataContract
    key: str
    token: str


@dataclass(frozen=True)
class Pair:
    """A looks for B."""

    tenancy: Tenancy
    service: IdentityService
    installation: Installation
    a: Side
    b: Side


@pytest.fixture(scope="module")
def tokens(prepared: Installation) -> dict[str, str]:
    """A signed-in member of each; hashing passwords is slow on purpose, so once."""

    async def sign_in() -> dict[str, str]:
        signed: dict[str, str] = {}
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            service = IdentityService(tenancy, prepared.run, prepared.settings)
            for slug, mark in MARK.items():
                scope, email = await tenancy.create(slug, mark, actor=_ACTOR), f"ann@{slug}.example"
                await service.grant_module_permissions(scope, "DESK", {"DESK.READ": ["viewer"]}, actor=_ACTOR)
                await service.add_person(scope, email, f"Ann {mark}", PASSWORD, "viewer", actor=_ACTOR)
                signed[slug] = (await service.sign_in(slug, email, PASSWORD)).access
        return signed

    return asyncio.run(sign_in())


@pytest.fixture
async def pair(tenancy: Tenancy, prepared: Installation, tokens: dict[str, str]) -> Pair:
    service = IdentityService(tenancy, prepared.run, prepared.settings)
    a, b = [await _side(tenancy, slug, tokens[slug]) for slug in MARK]
    return Pair(tenancy, service, prepared, a, b)


async def _side(tenancy: Tenancy, slug: str, token: str) -> Side:
    scope = await tenancy.create(slug, MARK[slug], actor=_ACTOR)
    data = await connector_for(tenancy, scope, schema="desk")
    columns = {"id": {"type": "integer", "primary_key": True}, "owner": {"type": "string"}}
    vector = {"embedding": {"type": "vector", "dimensions": 2}}
    await data.provision_tables({"notes": {"columns": columns | vector}})
    await data.raw_sql("delete from notes", [], write=True)
    rows = [{"id": n, "owner": MARK[slug], "embedding": [1.0, n]} for n in range(3)]
    await data.upsert("notes", rows, key=["id"])
    signals = [{"name": "pressure", "unit": "bar"}]
    site = SiteFile.model_validate(
        {
            "tenant": slug,
            "site": "same-hall",
            "site_name": MARK[slug],
            "protocol": "opcua",
            "equipment": [{"id": "pump-1", "type": "pump", "signals": signals}],
        }
    )
    contract = parse_contract(permissive_contract(site), where="test")
    await tenancy.register_site(scope, site, contract, actor=_ACTOR)
    key = (await tenancy.bridge_key_file(scope, "same-hall")).read_text()
    return Side(scope, data, site, contract, key, token)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(run_settings: Settings, template: Path) -> AsyncIterator[World]:
    """A and B, filled alike, in an installation of their own; see `world.py`."""
    from tests.isolation.world import two_tenants

    with opened_installation(run_settings, template) as alone:
        async with two_tenants(alone) as opened:
            yield opened
