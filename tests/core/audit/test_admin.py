"""One door to all tenants, and a record of every time it was opened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.audit.chain import PLATFORM_CHAIN
from core.audit.reading import Filters, newest
from core.db import Database
from core.errors import DeniedError, InputError
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")
_ROOT = Path(__file__).parents[3]
_ROOMS = ("core", "cli", "ingestion", "lake", "quality", "assets", "orchestration", "agents", "modules", "examples")


async def test_every_opening_is_recorded_also_when_the_work_fails(tenancy: Tenancy):
    with pytest.raises(RuntimeError):
        async with tenancy.admin.open(_ACTOR, "look and fail"):
            raise RuntimeError

    async with tenancy.admin.open(_ACTOR, "look again", readonly=True) as transaction:
        seen = await newest(transaction, Filters(chain=PLATFORM_CHAIN), 2)
    assert [(one.actor, one.action, one.target) for one in seen] == [
        (_ACTOR, "admin.access", "look again"),
        (_ACTOR, "admin.access", "look and fail"),
    ]


async def test_no_purpose_no_entry(tenancy: Tenancy):
    with pytest.raises(InputError, match="purpose"):
        async with tenancy.admin.open(_ACTOR, " "):
            pass


async def test_where_the_log_cannot_be_written_the_door_stays_shut(tenancy: Tenancy, prepared: Installation):
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("revoke insert on audit_log from goldlayer_admin")
        try:
            with pytest.raises(DeniedError):
                async with tenancy.admin.open(_ACTOR, "look"):
                    pytest.fail("the door opened")
        finally:
            await superuser.execute("grant insert on audit_log to goldlayer_admin")


async def test_the_platform_s_chain_is_the_administrator_s_alone(tenancy: Tenancy):
    await tenancy.admin.record(_ACTOR, "tenant.remove", "gone-co", {"id": "7"})

    async with tenancy.platform.transaction(PLATFORM_CHAIN) as transaction:
        assert await transaction.fetch("select * from audit_log") == []
    for tenant in ("null", f"'{PLATFORM_CHAIN}'"):
        with pytest.raises((DeniedError, InputError)):
            async with tenancy.platform.transaction(PLATFORM_CHAIN) as transaction:
                await transaction.execute(
                    "insert into audit_log (tenant_id, seq, at, format, actor_kind, actor, interface, request_id,"
                    f" action, target, outcome, previous_mac, mac) values ({tenant}, 99999, now(), 2, 'command', 'x',"
                    " 'cli', 'r', 'a', 't', 'done', '', '')"
                )


async def test_looking_tenants_and_keys_up_opens_no_door(tenancy: Tenancy):
    scope = await tenancy.create("looked-up", "Looked up", actor=_ACTOR)
    async with tenancy.admin.open(_ACTOR, "count", readonly=True) as transaction:
        before = await transaction.fetchval("select max(seq) from audit_log where tenant_id is null")

    assert await tenancy.get("looked-up") == await tenancy.active(scope.id) == scope
    assert scope in await tenancy.list()
    assert await tenancy.create("looked-up", "Again", actor=_ACTOR) == scope
    with pytest.raises(DeniedError):
        await tenancy.bridge_of_key("gl_0123456789abcdef_" + "x" * 43)

    async with tenancy.admin.open(_ACTOR, "count again", readonly=True) as transaction:
        after = await transaction.fetchval("select max(seq) from audit_log where tenant_id is null")
    assert after == before + 1


async def test_the_server_tells_of_whoever_goes_past_the_door(prepared: Installation):
    async with await Database.open(prepared.postgres.dsn("platform", "goldlayer_admin")) as past:
        await past.fetch("select $1::text as looked, 'past the door'", "a value")
        assert await past.fetchval("show log_parameter_max_length") == "0"

    log = (prepared.run.logs / "postgres.log").read_text(errors="replace")
    assert "select $1::text as looked, 'past the door'" in log
    assert "a value" not in log


def test_only_the_door_connects_as_the_administrator():
    sources = {
        str(file.relative_to(_ROOT)): file.read_text(encoding="utf-8")
        for room in _ROOMS
        for file in (_ROOT / room).rglob("*.py")
    }
    named = re.compile(r"goldlayer_admin|core\.db\.roles import[^\n]*\bADMIN\b")
    naming = {name for name, text in sources.items() if named.search(text)}

    assert {name for name, text in sources.items() if "PLATFORM, ADMIN" in text} == {"core/audit/admin.py"}
    # The superuser's own connection to this database is the installer's.
    assert {name for name, text in sources.items() if "dsn(PLATFORM)" in text} == {"core/tenancy/installation.py"}
    # The roles' names, the installation that makes them, and the door.
    assert naming == {"core/db/roles.py", "core/tenancy/installation.py", "core/audit/admin.py"}
