"""Subscribing and leaving, on a real installation; a crash at any step is only a pause."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from core.audit import Actor
from core.connector import connector_for
from core.connector.tables.declaration import read_tables
from core.connector.tables.migrations import read_migrations
from core.db import TenantScope
from core.errors import InputError, NotFoundError
from core.identity import IdentityService
from core.sdk.manifest import Manifest, Permission
from core.subscriptions import ModuleRegistry, Subscriptions
from core.subscriptions import subscriptions as module
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")
_N = {"type": "integer", "nullable": True}
_DESK = Manifest.model_validate(
    {
        "module_code": "SUB_DESK",
        "module_name": "Desk",
        "module_description": "Notes on a desk, for tests.",
        "module_version": "1.2.0",
        "api_base_path": "/api/v1/sub-desk",
        "data_tables": {"notes": {"columns": {"text": {"type": "string"}}}},
        "permissions": [
            {"code": "SUB_DESK.READ", "description": "Read", "default_roles": ["admin", "viewer"]},
            {"code": "SUB_DESK.WRITE", "description": "Write"},
        ],
    }
)
_BARE = _DESK.model_copy(
    update={"module_code": "SUB_BARE", "module_name": "Bare", "data_tables": {}, "permissions": ()}
)


@pytest.fixture
async def subscriptions(tenancy: Tenancy, prepared: Installation) -> Subscriptions:
    manifests = [_DESK, _BARE]
    await ModuleRegistry(tenancy).sync(manifests, actor=_ACTOR)
    return Subscriptions(tenancy, IdentityService(tenancy, prepared.run, prepared.settings), manifests)


async def _roles_with(tenancy: Tenancy, scope: TenantScope, permission: str) -> set[str]:
    query = (
        "select r.code from role_permissions p join roles r on r.id = p.role_id and r.tenant_id = p.tenant_id"
        " where p.permission = $1"
    )
    async with tenancy.platform.transaction(scope.id) as transaction:
        return {row["code"] for row in await transaction.fetch(query, permission)}


async def _notices(tenancy: Tenancy, scope: TenantScope) -> list[str]:
    async with tenancy.platform.transaction(scope.id) as transaction:
        rows = await transaction.fetch(
            "select n.subject, r.code from notifications n join roles r on r.id = n.role_id order by n.created_at"
        )
    assert {row["code"] for row in rows} <= {"admin"}
    return [row["subject"] for row in rows]


async def test_one_operation_does_all_of_it_once(subscriptions: Subscriptions, tenancy: Tenancy):
    scope = await tenancy.create("subscribing-co", "Subscribing", actor=_ACTOR)

    assert await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR) is True
    assert await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR) is False

    [line] = await subscriptions.all(scope)
    assert (line.module_code, line.state, line.version) == ("SUB_DESK", "active", "1.2.0")
    assert await subscriptions.active(scope) == {"SUB_DESK"}
    data = await connector_for(tenancy, scope, schema="sub_desk")
    assert (await data.insert("notes", {"text": "hello"}))["text"] == "hello"
    assert await _roles_with(tenancy, scope, "SUB_DESK.READ") == {"admin", "viewer"}
    assert await _roles_with(tenancy, scope, "SUB_DESK.WRITE") == {"admin"}
    assert [(one.event, one.version, one.actor) for one in await subscriptions.history(scope)] == [
        ("subscribed", "1.2.0", "command:test")
    ]
    assert await _notices(tenancy, scope) == ["Desk is yours to use"]
    assert [one.action for one in await tenancy.audit.newest(scope, 2)] == ["module.subscribe", "module.grant"]


@pytest.mark.parametrize("step", ["tables", "permissions", "history", "audit"])
async def test_a_subscription_that_was_cut_off_gives_nothing_yet_and_goes_on(
    subscriptions: Subscriptions, tenancy: Tenancy, step: str
):
    scope = await tenancy.create("cut-subscription", "Cut", actor=_ACTOR)
    await _leave(subscriptions, scope)
    before = len(await subscriptions.history(scope))
    targets: dict[str, Any] = {
        "tables": (module, "put_up"),
        "permissions": (IdentityService, "grant_module_permissions"),
        "history": (Subscriptions, "_tell"),
        "audit": (tenancy.audit, "note"),
    }
    with mock.patch.object(*targets[step], side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR)

    assert [one.state for one in await subscriptions.all(scope)] == ["subscribing"]
    assert await subscriptions.active(scope) == set()
    with pytest.raises(InputError, match="not finished"):
        await subscriptions.unsubscribe(scope, "SUB_DESK", actor=_ACTOR)

    assert await subscriptions.catch_up(scope, actor=_ACTOR) == ["SUB_DESK"]

    assert await subscriptions.active(scope) == {"SUB_DESK"}
    assert len(await subscriptions.history(scope)) == before + 1


async def _leave(subscriptions: Subscriptions, scope: TenantScope) -> None:
    await subscriptions.unsubscribe(scope, "SUB_DESK", actor=_ACTOR)


async def test_leaving_deletes_nothing_and_coming_back_finds_it_as_it_was(
    subscriptions: Subscriptions, tenancy: Tenancy
):
    scope = await tenancy.create("returning-co", "Returning", actor=_ACTOR)
    await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR)
    data = await connector_for(tenancy, scope, schema="sub_desk")
    await data.insert("notes", {"text": "kept"})
    async with tenancy.platform.transaction(scope.id) as transaction:
        await transaction.execute("delete from role_permissions where permission = 'SUB_DESK.READ'")

    assert await subscriptions.unsubscribe(scope, "SUB_DESK", actor=_ACTOR) is True
    assert await subscriptions.unsubscribe(scope, "SUB_DESK", actor=_ACTOR) is False
    assert await subscriptions.active(scope) == set()
    assert [one.state for one in await subscriptions.all(scope)] == ["archived"]
    with pytest.raises(InputError, match="no such table"):
        await (await connector_for(tenancy, scope, schema="sub_desk")).query("notes")
    assert await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR) is True

    data = await connector_for(tenancy, scope, schema="sub_desk")
    assert [row["text"] for row in await data.query("notes")] == ["kept"]
    assert await _roles_with(tenancy, scope, "SUB_DESK.READ") == set()
    assert [one.event for one in await subscriptions.history(scope)] == ["subscribed", "unsubscribed", "subscribed"]
    assert (await _notices(tenancy, scope))[1] == "Desk is no longer subscribed"


@pytest.mark.parametrize("step", ["tables", "history", "audit"])
async def test_leaving_that_was_cut_off_takes_the_module_away_all_the_same(
    subscriptions: Subscriptions, tenancy: Tenancy, step: str
):
    scope = await tenancy.create("cut-leaving", "Cut", actor=_ACTOR)
    await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR)
    targets: dict[str, tuple[Any, str]] = {
        "tables": (module, "put_aside"),
        "history": (Subscriptions, "_tell"),
        "audit": (tenancy.audit, "note"),
    }
    with mock.patch.object(*targets[step], side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        await subscriptions.unsubscribe(scope, "SUB_DESK", actor=_ACTOR)

    assert await subscriptions.active(scope) == set()
    assert [one.state for one in await subscriptions.all(scope)] == ["unsubscribing"]
    assert await subscriptions.subscribe(scope, "SUB_DESK", actor=_ACTOR) is True

    events = [one.event for one in await subscriptions.history(scope, 2)]
    assert events == ["subscribed", "unsubscribed"]


async def test_two_who_subscribe_at_once_do_it_once(
    subscriptions: Subscriptions, tenancy: Tenancy, prepared: Installation
):
    scope = await tenancy.create("twice-subscribed", "Twice", actor=_ACTOR)
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as other:
        there = Subscriptions(other, IdentityService(other, prepared.run, prepared.settings), [_DESK, _BARE])
        new = await asyncio.gather(
            *(one.subscribe(scope, "SUB_DESK", actor=_ACTOR) for one in (subscriptions, there) * 3)
        )

    assert sorted(new) == [False] * 5 + [True]
    assert len(await subscriptions.history(scope)) == len(await _notices(tenancy, scope)) == 1


async def test_who_had_a_module_before_there_were_subscriptions_keeps_it(
    subscriptions: Subscriptions, tenancy: Tenancy, prepared: Installation
):
    scope = await tenancy.create("adopted-co", "Adopted", actor=_ACTOR)
    identity = IdentityService(tenancy, prepared.run, prepared.settings)
    for code in ("SUB_DESK", "PLATFORM"):
        await identity.grant_module_permissions(scope, code, {f"{code}.READ": ["viewer"]}, actor=_ACTOR)

    assert await subscriptions.catch_up(scope, actor=_ACTOR) == ["SUB_DESK"]
    assert await subscriptions.active(scope) == {"SUB_DESK"}
    await subscriptions.unsubscribe(scope, "SUB_DESK", actor=_ACTOR)
    assert await subscriptions.catch_up(scope, actor=_ACTOR) == []


_NEWER = _DESK.model_copy(
    update={
        "module_version": "1.3.0",
        "data_tables": read_tables({"notes": {"columns": {"text": {"type": "string"}, "n": _N}}}),
        "data_migrations": read_migrations(
            [
                {
                    "version": "1.3.0",
                    "description": "Notes are numbered",
                    "operations": [{"action": "add_column", "table": "notes", "column": "n", **_N}],
                }
            ]
        ),
        "permissions": (*_DESK.permissions, Permission(code="SUB_DESK.COUNT", description="Count")),
    }
)


async def test_a_newer_version_of_a_module_reaches_those_who_have_it(
    subscriptions: Subscriptions, tenancy: Tenancy, prepared: Installation
):
    scope = await tenancy.create("updated-co", "Updated", actor=_ACTOR)
    left = await tenancy.create("not-updated", "Left", actor=_ACTOR)
    for one in (scope, left):
        await subscriptions.subscribe(one, "SUB_DESK", actor=_ACTOR)
    await subscriptions.unsubscribe(left, "SUB_DESK", actor=_ACTOR)
    data = await connector_for(tenancy, scope, schema="sub_desk")
    await data.insert("notes", {"text": "kept"})
    newer = Subscriptions(tenancy, IdentityService(tenancy, prepared.run, prepared.settings), [_NEWER, _BARE])

    assert await newer.catch_up(scope, actor=_ACTOR) == ["SUB_DESK"]
    assert await newer.catch_up(scope, actor=_ACTOR) == []
    assert await newer.catch_up(left, actor=_ACTOR) == []

    assert [(row["text"], row["n"]) for row in await data.query("notes")] == [("kept", None)]
    assert await _roles_with(tenancy, scope, "SUB_DESK.COUNT") == {"admin"}
    assert [(one.event, one.version) for one in await newer.history(scope)] == [
        ("migrated", "1.3.0"),
        ("subscribed", "1.2.0"),
    ]
    assert [one.version for one in await newer.all(scope)] == ["1.3.0"]
    assert await newer.subscribe(left, "SUB_DESK", actor=_ACTOR) is True
    assert "n" in (await (await connector_for(tenancy, left, schema="sub_desk")).get_schema("notes")).columns


async def test_tables_that_are_newer_than_the_module_are_left_as_they_are_and_say_so(
    subscriptions: Subscriptions, tenancy: Tenancy, prepared: Installation
):
    scope = await tenancy.create("newer-tables", "Newer", actor=_ACTOR)
    newer = Subscriptions(tenancy, IdentityService(tenancy, prepared.run, prepared.settings), [_NEWER, _BARE])
    await newer.subscribe(scope, "SUB_DESK", actor=_ACTOR)

    with pytest.raises(InputError, match="newer than the module"):
        await subscriptions.catch_up(scope, actor=_ACTOR)

    assert [one.version for one in await subscriptions.all(scope)] == ["1.3.0"]


async def test_a_new_tenant_starts_with_all_and_is_not_asked_again(subscriptions: Subscriptions, tenancy: Tenancy):
    scope = await tenancy.create("starting-co", "Starting", actor=_ACTOR)
    with (
        mock.patch.object(IdentityService, "grant_module_permissions", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        await subscriptions.start(scope, actor=_ACTOR)
    await subscriptions.start(scope, actor=_ACTOR)
    assert await subscriptions.active(scope) == {"SUB_BARE", "SUB_DESK"}

    await subscriptions.unsubscribe(scope, "SUB_BARE", actor=_ACTOR)
    await subscriptions.start(scope, actor=_ACTOR)

    assert await subscriptions.active(scope) == {"SUB_DESK"}


async def test_what_is_not_installed_cannot_be_had(subscriptions: Subscriptions, tenancy: Tenancy):
    scope = await tenancy.create("subscribing-co", "Subscribing", actor=_ACTOR)

    for call in (subscriptions.subscribe, subscriptions.unsubscribe):
        with pytest.raises(NotFoundError, match="SUB_BARE, SUB_DESK"):
            await call(scope, "NO_SUCH_MODULE", actor=_ACTOR)


async def test_a_module_taken_away_elsewhere_is_gone_within_a_second(
    subscriptions: Subscriptions, tenancy: Tenancy, prepared: Installation, monkeypatch: pytest.MonkeyPatch
):
    scope = await tenancy.create("away-co", "Away", actor=_ACTOR)
    await subscriptions.subscribe(scope, "SUB_BARE", actor=_ACTOR)
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    assert await subscriptions.active(scope) == {"SUB_BARE"}
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as other:
        there = Subscriptions(other, IdentityService(other, prepared.run, prepared.settings), [_DESK, _BARE])
        await there.unsubscribe(scope, "SUB_BARE", actor=_ACTOR)

    now += module.REMEMBERED_S

    assert await subscriptions.active(scope) == set()
