"""Notices with a cause: told once while it lasts, whoever notices, and closed when it is over."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from core.audit import Actor
from core.tenancy import Tenancy

pytestmark = pytest.mark.integration
CAUSE = "check/gold.kpi_daily"


async def test_a_cause_is_told_once_closed_once_and_told_again_when_it_comes_back(
    tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    scope, other = [await tenancy.create(f"told-{name}", name, actor=Actor.command("test")) for name in ("us", "them")]
    notices = tenancy.notices
    told = await asyncio.gather(
        *(notices.tell(scope, CAUSE, "critical", f"subject {n}", f"message {n}") for n in range(5))
    )
    assert sorted(told) == [False] * 4 + [True]
    assert list(await notices.standing(scope)) == [CAUSE]
    assert await notices.standing(other) == {}
    assert not await notices.settle(other, CAUSE)
    async with tenancy.platform.transaction(scope.id) as transaction:
        await transaction.execute("update notifications set dismissed_at = now()")
    assert not await notices.tell(scope, CAUSE, "critical", "again", "put away, and it still lasts")
    assert [await notices.settle(scope, CAUSE) for _ in range(2)] == [True, False]
    assert await notices.tell(scope, CAUSE, "critical", "again", "it came back")
    assert [one.message for one in await tenancy.fleet.notices(scope, uuid4())] == []
    async with tenancy.platform.transaction(scope.id, readonly=True) as transaction:
        rows = await transaction.fetch(
            "select n.severity, r.code, closed_at is null as stands from notifications n "
            "join roles r on r.id = n.role_id order by n.created_at"
        )
    assert [(row["severity"], row["code"], row["stands"]) for row in rows] == [
        ("critical", "admin", False),
        ("critical", "admin", True),
    ]
    said = "".join(capsys.readouterr())
    assert (said.count("notice is given"), said.count("notice is closed")) == (2, 1)
