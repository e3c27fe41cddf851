"""Every exit of the pipeline, in its order, and its record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from core.errors import NotFoundError
from core.sdk import Condition, ToolContext, ToolResult, TopN, platform_tool
from core.sdk.pipeline.call import Exit
from core.sdk.pipeline.stack import call_tool
from core.sdk.testing import FakeAudit, FakeCoreData, FakePerson, FakeTenant, tool_context
from core.sdk.tool import Tool

ran: list[int] = []


async def count_up(context: ToolContext, top: TopN = 5) -> ToolResult:
    """Counts."""
    ran.append(top)
    if top == 40:
        raise ZeroDivisionError("a secret inside")
    if top == 41:
        raise NotFoundError("no such machine")
    if top == 42:
        await asyncio.sleep(5)
    return ToolResult(rows=[{"n": n} for n in range(top)])


def made(**policy: Any) -> Tool:
    options: dict[str, Any] = {
        "module_code": "M",
        "permission_code": "M.READ",
        "risk_level": "safe",
        "summary_instructions": "Counts.",
    }
    return platform_tool(**{**options, **policy})(count_up)


@pytest.fixture
def audit() -> FakeAudit:
    ran.clear()
    return FakeAudit()


def context(audit: FakeAudit, **changes: Any) -> ToolContext:
    return tool_context(permissions=["M.READ"], subscriptions=["M"], audit=audit, **changes)


async def test_a_good_call_gives_its_result_and_one_record(audit: FakeAudit) -> None:
    outcome = await call_tool(made(), {"top": 3}, context(audit))
    assert outcome.ok and outcome.result is not None and len(outcome.result.rows) == 3
    assert [(record["target"], record["outcome"]) for record in audit.records] == [("M.count_up", "ok")]
    assert audit.records[0]["after"]["arguments"] == {"top": "3"}


@pytest.mark.parametrize(
    ("policy", "changes", "arguments", "exit", "stage"),
    [
        ({}, {"subscriptions": frozenset()}, {}, Exit.DENIED, "permission"),
        ({"permission_code": "M.WRITE"}, {}, {}, Exit.DENIED, "permission"),
        ({"denied_agents": frozenset({"X"})}, {"agent": "X"}, {}, Exit.DENIED, "permission"),
        ({"allowed_agents": frozenset({"Y"})}, {"agent": "X"}, {}, Exit.DENIED, "permission"),
        ({}, {}, {"tenant_id": "b"}, Exit.DENIED, "tenant"),
        ({}, {}, {"top": 0}, Exit.INVALID, "arguments"),
        ({}, {}, {"unknown": 1}, Exit.INVALID, "arguments"),
        ({"pre_conditions": (Condition("small", lambda v: v["top"] < 3),)}, {}, {}, Exit.INVALID, "pre_conditions"),
        ({"requires_approval": True, "risk_level": "high"}, {}, {}, Exit.DENIED, "approval"),
    ],
)
async def test_what_is_stopped_before_it_runs(
    audit: FakeAudit, policy: dict[str, Any], changes: dict[str, Any], arguments: dict[str, Any], exit: Exit, stage: str
) -> None:
    outcome = await call_tool(made(**policy), arguments, replace(context(audit), **changes))
    assert (outcome.exit, outcome.stage, outcome.result) == (exit, stage, None)
    assert ran == []
    assert [record["outcome"] for record in audit.records] == [exit.value]


async def test_another_tenants_identity_is_denied_first(audit: FakeAudit) -> None:
    stranger = FakePerson(FakeTenant(slug="other"), frozenset({"M.READ"}))
    outcome = await call_tool(made(), {"top": 0}, replace(context(audit), identity=stranger))
    assert (outcome.exit, outcome.stage) == (Exit.DENIED, "tenant")
    assert ran == []


@pytest.mark.parametrize(
    ("policy", "top", "exit", "stage"),
    [
        ({}, 40, Exit.FAILED, "execute"),
        ({}, 41, Exit.FAILED, "execute"),
        ({"timeout_ms": 20}, 42, Exit.TIMEOUT, "execute"),
        ({"post_conditions": (Condition("few", lambda r: len(r.rows) < 3),)}, 4, Exit.FAILED, "post_conditions"),
        ({"success_criteria": Condition("some", lambda r: len(r.rows) > 9)}, 4, Exit.FAILED, "success_criteria"),
        (
            {
                "post_conditions": (Condition("few", lambda r: False),),
                "success_criteria": Condition("some", lambda r: False),
            },
            4,
            Exit.FAILED,
            "post_conditions",
        ),
    ],
)
async def test_what_fails_after_it_began(
    audit: FakeAudit, policy: dict[str, Any], top: int, exit: Exit, stage: str
) -> None:
    outcome = await call_tool(made(**policy), {"top": top}, context(audit))
    assert (outcome.exit, outcome.stage, outcome.result) == (exit, stage, None)
    assert ran == [top]
    assert "secret" not in outcome.message
    assert [record["outcome"] for record in audit.records] == [exit.value]


async def test_audit_level_none_keeps_the_record_and_trims_the_payload(audit: FakeAudit) -> None:
    await call_tool(made(audit="none"), {"top": 2}, context(audit))
    assert audit.records[0]["outcome"] == "ok"
    assert not {"arguments", "rows", "result"} & set(audit.records[0]["after"])


class _Leaving(FakeCoreData):
    """A tenant that leaves a module after the first look."""

    looked = False

    async def has_module(self, module_code: str) -> bool:
        had, self.looked = not self.looked, True
        return had


async def test_a_module_that_is_left_while_an_answer_is_made_is_left_for_its_next_call(audit: FakeAudit) -> None:
    held = context(audit, core=_Leaving())

    assert (await call_tool(made(), {}, held)).ok
    outcome = await call_tool(made(), {}, held)

    assert (outcome.exit, outcome.stage) == (Exit.DENIED, "permission")
    assert "not subscribed" in outcome.message
