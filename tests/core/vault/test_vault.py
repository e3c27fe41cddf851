from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from core.audit import Actor
from core.db import Database, TenantScope
from core.errors import DeniedError, InputError, NotFoundError, TerminalError
from core.settings import VaultSettings
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.installation import InstallationVault
from core.vault.master import MasterKeys
from core.vault.tenant import LONGEST, TenantVault
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_WHY = "test"
_ACTOR = Actor.command("test")
_PROGRAM = Path(__file__).with_name("master_program.py")


@pytest.fixture
def vault(prepared: Installation, tenancy: Tenancy) -> Vault:
    return Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)


@pytest.fixture
async def scopes(tenancy: Tenancy, vault: Vault) -> AsyncIterator[list[TenantScope]]:
    """Two tenants whose vaults are empty before and after each test."""
    both = [await tenancy.create(f"vault-{n}", "Vault", actor=_ACTOR) for n in "ab"]
    yield both
    for scope in both:
        await vault.of(scope, _ACTOR).shred(purpose="after a test")


@pytest.fixture
def scope(scopes: list[TenantScope]) -> TenantScope:
    return scopes[0]


@pytest.fixture
def mine(vault: Vault, scope: TenantScope) -> TenantVault:
    return vault.of(scope, _ACTOR)


async def _masters(tenancy: Tenancy, scope: TenantScope) -> list[tuple[int, str]]:
    async with tenancy.platform.transaction(scope.id) as transaction:
        rows = await transaction.fetch("select version, master from vault_keys order by version")
    return [(row["version"], row["master"]) for row in rows]


async def test_values_have_versions_until_they_are_purged(mine: TenantVault):
    assert [await mine.put("erp/password", Secret(value), purpose=_WHY) for value in ("one", "zwöi", "three")] == [
        1,
        2,
        3,
    ]
    assert (await mine.get("erp/password", purpose=_WHY)).reveal() == "three"
    assert (await mine.get("erp/password", purpose=_WHY, version=2)).reveal() == "zwöi"

    assert await mine.purge("erp/password", purpose=_WHY, keep=1) == 2

    with pytest.raises(NotFoundError):
        await mine.get("erp/password", purpose=_WHY, version=2)
    assert [(one.name, one.version, one.versions) for one in await mine.list()] == [("erp/password", 3, 1)]
    assert await mine.purge("erp/password", purpose=_WHY, keep=0) == 1
    assert await mine.list() == []
    # A number is never given twice: what was sealed for version 1 must not open as a new version 1.
    assert await mine.put("erp/password", Secret("again"), purpose=_WHY) == 4


async def test_every_access_is_in_the_audit_log_denied_ones_too(mine: TenantVault, tenancy: Tenancy):
    await mine.put("logged/a", Secret("x"), purpose="first set-up")
    await mine.get("logged/a", purpose="sync with the ERP")
    with pytest.raises(NotFoundError):
        await mine.get("logged/none", purpose="sync with the ERP")
    with pytest.raises(DeniedError):
        await mine.restricted("other/").get("logged/a", purpose="curiosity")
    with pytest.raises(DeniedError):
        await mine.restricted("other/").shred(purpose="curiosity")

    told = [(one.action, one.name, one.outcome, one.purpose, one.version) for one in await mine.accesses(5)]

    assert told == [
        ("shred", "*", "denied", "curiosity", None),
        ("get", "logged/a", "denied", "curiosity", None),
        ("get", "logged/none", "missing", "sync with the ERP", None),
        ("get", "logged/a", "done", "sync with the ERP", 1),
        ("put", "logged/a", "done", "first set-up", 1),
    ]


async def test_an_access_that_cannot_be_logged_gives_nothing(mine: TenantVault, tenancy: Tenancy):
    await mine.put("unlogged", Secret("x"), purpose=_WHY)
    with mock.patch.object(tenancy.audit, "record", side_effect=TerminalError("full")), pytest.raises(TerminalError):
        await mine.get("unlogged", purpose=_WHY)


async def test_a_restricted_vault_reaches_its_own_names(mine: TenantVault):
    own = mine.restricted("module/A/")
    await own.put("module/A/key", Secret("a"), purpose=_WHY)
    await mine.put("module/B/key", Secret("b"), purpose=_WHY)

    assert (await own.get("module/A/key", purpose=_WHY)).reveal() == "a"
    assert [one.name for one in await own.list()] == ["module/A/key"]
    for name in ("module/B/key", "module/A", "module/AB/key"):
        with pytest.raises(DeniedError):
            await own.put(name, Secret("c"), purpose=_WHY)


@pytest.mark.parametrize("column", ["name", "version", "tenant_id", "sealed"])
async def test_a_value_opens_at_its_own_place_only(
    vault: Vault, scopes: list[TenantScope], mine: TenantVault, prepared: Installation, column: str
):
    scope, other = scopes
    await mine.put("a", Secret("of a"), purpose=_WHY)
    await vault.of(other, _ACTOR).put("b", Secret("of b"), purpose=_WHY)
    moves = {
        "name": "update vault_secrets set name = 'moved' where tenant_id = $1",
        "version": "update vault_secrets set version = 9 where tenant_id = $1",
        "tenant_id": "update vault_secrets set tenant_id = $2 where tenant_id = $1",
        "sealed": "update vault_secrets set sealed = reverse(sealed) where tenant_id = $1",
    }
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        arguments = (scope.id, other.id) if column == "tenant_id" else (scope.id,)
        await superuser.execute(moves[column], *arguments)

    reader = vault.of(other, _ACTOR) if column == "tenant_id" else mine
    with pytest.raises(TerminalError, match="changed or moved"):
        await reader.get("moved" if column == "name" else "a", purpose=_WHY)
    assert (await reader.accesses(1))[0].outcome == "failed"


async def test_a_wrapped_key_of_another_tenant_does_not_open(
    vault: Vault, tenancy: Tenancy, prepared: Installation, scopes: list[TenantScope]
):
    a, b = scopes
    for scope in scopes:
        await vault.of(scope, _ACTOR).put("x", Secret("x"), purpose=_WHY)
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute(
            "update vault_keys set wrapped = (select wrapped from vault_keys where tenant_id = $2)"
            " where tenant_id = $1",
            a.id,
            b.id,
        )

    with pytest.raises(TerminalError, match="belongs to another tenant"):
        await vault.of(a, _ACTOR).get("x", purpose=_WHY)
    with pytest.raises(TerminalError, match=str(a.id)):
        await vault.rotate_master(tenancy.list, _ACTOR)
    assert (await vault.of(b, _ACTOR).get("x", purpose=_WHY)).reveal() == "x"
    # What cannot be opened is given up, and the rotation that was begun goes on.
    await vault.of(a, _ACTOR).shred(purpose="cannot be opened")
    assert await vault.rotate_master(tenancy.list, _ACTOR) >= 1


async def test_a_new_data_key_seals_everything_and_ends_the_old_one(
    mine: TenantVault, tenancy: Tenancy, scope: TenantScope
):
    assert await mine.rotate_key(purpose=_WHY) == 0
    for value in ("1", "2"):
        await mine.put("a", Secret(value), purpose=_WHY)
    await mine.put("gone", Secret("3"), purpose=_WHY)
    await mine.purge("gone", purpose=_WHY, keep=0)

    assert await mine.rotate_key(purpose=_WHY) == 2

    assert [version for version, _ in await _masters(tenancy, scope)] == [2]
    assert [(await mine.get("a", purpose=_WHY, version=n)).reveal() for n in (1, 2)] == ["1", "2"]


async def test_a_rotation_that_fails_changes_nothing(mine: TenantVault, tenancy: Tenancy, scope: TenantScope):
    for name in "abc":
        await mine.put(name, Secret(name), purpose=_WHY)
    before = await _masters(tenancy, scope)
    from core.vault import tenant as module

    calls = iter([module.seal, module.seal])

    def failing(*args: object) -> str:
        return next(calls)(*args)  # pyright: ignore[reportArgumentType]  the third call has no successor and fails

    with mock.patch.object(module, "seal", failing), pytest.raises(RuntimeError):
        await mine.rotate_key(purpose=_WHY)

    assert await _masters(tenancy, scope) == before
    assert [(await mine.get(name, purpose=_WHY)).reveal() for name in "abc"] == list("abc")


async def test_the_master_key_is_turned_for_all_and_moved_to_a_program(
    vault: Vault, tenancy: Tenancy, prepared: Installation, tmp_path: Path, scopes: list[TenantScope]
):
    for scope in scopes:
        await vault.of(scope, _ACTOR).put("x", Secret(scope.slug), purpose=_WHY)
    before = [await _masters(tenancy, scope) for scope in scopes]

    assert await vault.rotate_master(tenancy.list, _ACTOR) >= 2

    turned = [await _masters(tenancy, scope) for scope in scopes]
    assert {master for one in turned for _, master in one}.isdisjoint(master for one in before for _, master in one)
    settings = prepared.settings.model_copy(
        update={"vault": VaultSettings(command=f"{sys.executable} {_PROGRAM} {tmp_path / 'keys.json'}")}
    )
    moved = Vault.over(tenancy.platform, prepared.run, settings, tenancy.audit)
    await moved.rotate_master(tenancy.list, _ACTOR)
    assert [master for scope in scopes for _, master in await _masters(tenancy, scope)] == ["command:k1"] * 2
    for scope in scopes:
        assert (await moved.of(scope, _ACTOR).get("x", purpose=_WHY)).reveal() == scope.slug
    with pytest.raises(TerminalError, match="not configured"):
        await vault.of(scopes[0], _ACTOR).get("x", purpose=_WHY)
    # Back again, because the other tests' vaults are under the file.
    both = _back(vault, moved)
    returned = Vault(tenancy.platform, both, tenancy.audit, InstallationVault(prepared.run, both))
    await returned.rotate_master(tenancy.list, _ACTOR)
    assert (await vault.of(scopes[0], _ACTOR).get("x", purpose=_WHY)).reveal() == "vault-a"


def _back(vault: Vault, moved: Vault) -> MasterKeys:
    file, command = vault._master.current, moved._master.current  # pyright: ignore[reportPrivateUsage]  both kinds at once
    return MasterKeys(file, command)


async def test_writers_and_rotations_at_the_same_time_lose_nothing(mine: TenantVault, vault: Vault, tenancy: Tenancy):
    await asyncio.gather(
        *(mine.put(f"n{n % 3}", Secret(str(n)), purpose=_WHY) for n in range(12)),
        mine.rotate_key(purpose=_WHY),
        vault.rotate_master(tenancy.list, _ACTOR),
        mine.rotate_key(purpose=_WHY),
    )

    assert [(one.name, one.version) for one in await mine.list()] == [("n0", 4), ("n1", 4), ("n2", 4)]
    values = {(await mine.get(f"n{n}", purpose=_WHY, version=v)).reveal() for n in range(3) for v in range(1, 5)}
    assert values == {str(n) for n in range(12)}


async def test_a_shredded_tenant_s_secrets_are_gone_from_a_copy_of_the_values_too(
    mine: TenantVault, tenancy: Tenancy, prepared: Installation, scope: TenantScope
):
    await mine.put("a", Secret("x"), purpose=_WHY)
    async with tenancy.platform.transaction(scope.id) as transaction:
        copy = await transaction.fetchrow("select name, version, sealed, created_by from vault_secrets")
    assert copy is not None

    await mine.shred(purpose="the tenant has left")

    assert await mine.list() == []
    await mine.put("new", Secret("y"), purpose=_WHY)
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute(
            "insert into vault_secrets (tenant_id, name, version, sealed, created_by, key_version)"
            " values ($1, $2, $3, $4, $5, 1)",
            scope.id,
            *copy.values(),
        )
    with pytest.raises(TerminalError, match="changed or moved"):
        await mine.get("a", purpose=_WHY)


@pytest.mark.parametrize(
    ("name", "value", "purpose"),
    [
        ("", "x", "w"),
        ("-a", "x", "w"),
        ("a b", "x", "w"),
        ("a", "", "w"),
        ("a", "x" * (LONGEST + 1), "w"),
        ("a", "x", " "),
    ],
)
async def test_what_cannot_be_kept_is_said_without_the_value(mine: TenantVault, name: str, value: str, purpose: str):
    with pytest.raises(InputError) as refused:
        await mine.put(name, Secret(value), purpose=purpose)

    assert "xx" not in str(refused.value)


async def test_what_is_no_text_is_refused_without_carrying_it_along(mine: TenantVault):
    with pytest.raises(InputError) as refused:
        await mine.put("erp/broken", Secret("hunter\udcff"), purpose="test")

    assert "hunter" not in repr((refused.value, refused.value.__cause__, refused.value.__context__))
