from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import Database
from core.errors import DeniedError
from core.sdk.loader import builtin_manifests, builtin_modules
from core.subscriptions import ModuleRegistry
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")


async def test_the_catalogue_follows_the_manifests(tenancy: Tenancy, prepared: Installation):
    registry = ModuleRegistry(tenancy)
    first, second = builtin_manifests()[:2]
    await registry.sync([first, second], actor=_ACTOR)
    newer = first.model_copy(update={"module_version": "9.9.9"})

    changed = await registry.sync([newer], actor=_ACTOR)

    known = {one.module_code: one for one in await registry.all()}
    assert changed == [first.module_code, second.module_code]
    assert (known[first.module_code].version, known[first.module_code].active) == ("9.9.9", True)
    assert known[second.module_code].active is False
    assert known[first.module_code].manifest["module_name"] == first.module_name
    assert await registry.sync([first, second], actor=_ACTOR) == [first.module_code, second.module_code]


async def test_nothing_new_does_not_open_the_administrator_s_door(tenancy: Tenancy, prepared: Installation):
    registry = ModuleRegistry(tenancy)
    await registry.sync(builtin_manifests(), actor=_ACTOR)
    async with await Database.open(prepared.postgres.dsn("platform"), max_size=1) as superuser:
        count = "select count(*) from audit_log where tenant_id is null"
        before = await superuser.fetchval(count)

        assert await registry.sync(builtin_manifests(), actor=_ACTOR) == []

        assert await superuser.fetchval(count) == before


async def test_the_app_reads_the_catalogue_and_cannot_write_it(tenancy: Tenancy):
    scope = await tenancy.create("catalogue-co", "Catalogue", actor=_ACTOR)
    await ModuleRegistry(tenancy).sync(builtin_manifests(), actor=_ACTOR)
    for statement in (
        "update module_registry set active = false",
        "delete from module_registry",
        "insert into module_platform_settings (module_code, key, locked, set_by)"
        " select module_code, 'a', true, 'me' from module_registry",
    ):
        with pytest.raises(DeniedError):
            async with tenancy.platform.transaction(scope.id) as transaction:
                await transaction.execute(statement)


def test_manifests_alone_are_those_of_the_loaded_modules():
    assert builtin_manifests() == [module.manifest for module in builtin_modules()]
