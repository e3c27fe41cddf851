"""The decorator: what it makes of a function, and what it refuses."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.sdk import EquipmentId, ToolContext, ToolResult, TopN, platform_tool
from core.sdk.tool import ToolFunction

OPTIONS = {"module_code": "M", "permission_code": "M.READ", "risk_level": "safe", "summary_instructions": "Reads."}


async def ranking(context: ToolContext, equipment: EquipmentId | None = None, top: TopN = 5) -> ToolResult:
    """Ranks."""
    return ToolResult()


async def not_typed(context: ToolContext, top=5) -> ToolResult:
    """Ranks."""
    return ToolResult()


async def names_a_tenant(context: ToolContext, tenant_id: str) -> ToolResult:
    """Ranks."""
    return ToolResult()


async def without_docstring(context: ToolContext) -> ToolResult:
    return ToolResult()


async def without_context(top: int) -> ToolResult:
    """Ranks."""
    return ToolResult()


async def returns_rows(context: ToolContext) -> list[str]:
    """Ranks."""
    return []


def not_async(context: ToolContext) -> ToolResult:
    """Ranks."""
    return ToolResult()


def test_schema_comes_from_the_signature() -> None:
    tool = platform_tool(**OPTIONS)(ranking)
    assert tool.schema == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "equipment": {
                "type": "string",
                "description": "Equipment id exactly as the catalogue spells it.",
                "x-entity": "equipment",
            },
            "top": {
                "type": "integer",
                "default": 5,
                "minimum": 1,
                "maximum": 50,
                "description": "How many to return.",
                "x-entity": "count",
            },
        },
    }


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (not_typed, "typed and plain"),
        (names_a_tenant, "tenant is never a parameter"),
        (without_docstring, "docstring"),
        (without_context, "first parameter"),
        (returns_rows, "returns a ToolResult"),
        (not_async, "async"),
    ],
)
def test_what_does_not_fit_is_refused(function: ToolFunction, said: str) -> None:
    with pytest.raises(InputError, match=said):
        platform_tool(**OPTIONS)(function)


def test_a_tool_that_may_change_something_is_always_audited() -> None:
    with pytest.raises(InputError, match="only for tools that read"):
        platform_tool(**{**OPTIONS, "risk_level": "high"}, audit="none")(ranking)
