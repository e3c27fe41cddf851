"""The vault, tried as A: nothing of B is seen, opened, replaced or destroyed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import Database
from core.errors import DeniedError, NotFoundError, TerminalError
from core.vault import Secret
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.isolation.conftest import Pair

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")
_TABLES = ("vault_keys", "vault_secrets")


@pytest.fixture
async def vault(pair: Pair) -> AsyncIterator[Vault]:
    """Both tenants keep a value under the same name."""
    at = pair.installation
    vault = Vault.over(pair.tenancy.platform, at.run, at.settings, pair.tenancy.audit)
    for side in (pair.a, pair.b):
        await vault.of(side.scope, _ACTOR).put("same/name", Secret(side.scope.slug), purpose="test")
    yield vault
    for side in (pair.a, pair.b):
        await vault.of(side.scope, _ACTOR).shred(purpose="test")


async def test_each_sees_and_destroys_its_own(pair: Pair, vault: Vault):
    a, b = vault.of(pair.a.scope, _ACTOR), vault.of(pair.b.scope, _ACTOR)
    await b.put("only/b", Secret("x"), purpose="test of beta")

    with pytest.raises(NotFoundError):
        await a.get("only/b", purpose="test")
    assert [one.name for one in await a.list()] == ["same/name"]
    assert "beta" not in str(await a.accesses(1000))
    assert await a.purge("only/b", purpose="test", keep=0) == 0
    await a.rotate_key(purpose="test")
    await a.shred(purpose="test")
    assert [(await b.get(name, purpose="test")).reveal() for name in ("same/name", "only/b")] == ["iso-beta", "x"]


@pytest.mark.parametrize("table", _TABLES)
async def test_the_policies_hide_and_refuse_the_other_tenant_s_rows(pair: Pair, vault: Vault, table: str):
    platform, a, b = pair.tenancy.platform, pair.a.scope.id, pair.b.scope.id

    assert await platform.fetch(f"select * from {table}") == []
    async with platform.transaction(a) as transaction:
        assert {row["tenant_id"] for row in await transaction.fetch(f"select * from {table}")} == {a}
        assert await transaction.execute(f"delete from {table} where tenant_id = $1", b) == "DELETE 0"
    with pytest.raises(DeniedError):
        async with platform.transaction(a) as transaction:
            await transaction.execute(f"update {table} set tenant_id = $1", b)
    async with platform.transaction(b) as transaction:
        row = await transaction.fetchrow(f"select * from {table} limit 1")
    assert row is not None
    with pytest.raises(DeniedError):
        async with platform.transaction(a) as transaction:
            places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await transaction.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())


async def test_b_s_row_under_a_s_name_does_not_open(pair: Pair, vault: Vault):
    """As somebody who may write the whole database would try it."""
    async with await Database.open(pair.installation.postgres.dsn("platform")) as superuser:
        for table, column in (("vault_keys", "wrapped"), ("vault_secrets", "sealed")):
            await superuser.execute(
                f"update {table} set {column} = (select {column} from {table} where tenant_id = $2 limit 1)"
                " where tenant_id = $1",
                pair.a.scope.id,
                pair.b.scope.id,
            )

    with pytest.raises(TerminalError, match="belongs to another tenant"):
        await vault.of(pair.a.scope, _ACTOR).get("same/name", purpose="test")


async def test_the_administrator_sees_that_there_are_secrets_and_not_what_they_hold(pair: Pair, vault: Vault):
    dsn = pair.installation.postgres.dsn("platform", "goldlayer_admin")
    async with await Database.open(dsn, max_size=1) as admin:
        assert len(await admin.fetch("select tenant_id, name, version from vault_secrets")) >= 2
        for column, table in (("sealed", "vault_secrets"), ("wrapped", "vault_keys")):
            with pytest.raises(DeniedError):
                await admin.fetch(f"select {column} from {table}")
