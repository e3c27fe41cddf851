"""One service, and a hash that is made once: hashing passwords is slow on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.identity import IdentityService
from core.identity.passwords import hash_password
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

TEST = Actor.command("test")
PASSWORD = "a long enough password"


@pytest.fixture
def service(tenancy: Tenancy, prepared: Installation) -> IdentityService:
    return IdentityService(tenancy, prepared.run, prepared.settings)


@dataclass
class People:
    """Makes members whose password is known, without hashing it each time."""

    service: IdentityService
    hashed: str

    async def add(self, scope: TenantScope, email: str, role: str = "viewer") -> UUID:
        return await self.service.members.add(scope, email, email.partition("@")[0], self.hashed, role, actor=TEST)


_hashed: list[str] = []


@pytest.fixture
async def people(service: IdentityService) -> People:
    if not _hashed:
        _hashed.append(await hash_password(PASSWORD))
    return People(service, _hashed[0])
