"""`@platform_tool`: an ordinary typed async function becomes a tool that agents may call. Edge-safe.

The JSON schema comes from the signature, the description from the decorator, the policy stays beside both. The
decorated function is still the plain function underneath (`tool.function`); agents and services only reach it through
the pipeline (`core.sdk.pipeline`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from core.errors import InputError
from core.sdk.result import ToolResult

RiskLevel = Literal["safe", "medium", "high", "critical"]
AuditLevel = Literal["none", "standard", "full"]
ToolFunction = Callable[..., Awaitable[ToolResult]]
_NAME = re.compile(r"^[a-z][a-z0-9_]{2,62}$")
_TENANT_WORDS = ("tenant", "tenant_id", "tenant_slug", "slug")


@dataclass(frozen=True, slots=True)
class Condition:
    """A sentence that must hold, and the test of it.

    A pre-condition is tested with the validated arguments by name, a post-condition with the result.
    """

    sentence: str
    test: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """What must hold before, during and after a call."""

    permission_code: str
    risk_level: RiskLevel
    requires_approval: bool = False
    allowed_agents: frozenset[str] | None = None
    denied_agents: frozenset[str] = frozenset()
    pre_conditions: tuple[Condition, ...] = ()
    post_conditions: tuple[Condition, ...] = ()
    success_criteria: Condition | None = None
    timeout_ms: int = 5000
    audit: AuditLevel = "standard"


@dataclass(frozen=True, slots=True)
class Tool:
    """A decorated function with everything a registry, a model and the pipeline need."""

    name: str
    module_code: str
    function: ToolFunction
    parameters: type[BaseModel]
    schema: Mapping[str, Any]
    summary: str
    full_instructions: str | None
    examples: tuple[str, ...]
    """Questions this tool answers, as people ask them."""
    catalogue: bool
    """Tells what there is (equipment, signals, periods): read it before asking about a thing by name."""
    policy: ToolPolicy
    cues: tuple[str, ...] = ()
    """Words one of which a question for it holds, if it is meant for nothing else; the offline analyst goes by them."""


def platform_tool(
    *,
    module_code: str,
    permission_code: str,
    risk_level: RiskLevel,
    summary_instructions: str,
    full_instructions: str | None = None,
    examples: tuple[str, ...] = (),
    catalogue: bool = False,
    cues: tuple[str, ...] = (),
    requires_approval: bool = False,
    allowed_agents: frozenset[str] | None = None,
    denied_agents: frozenset[str] = frozenset(),
    pre_conditions: tuple[Condition, ...] = (),
    post_conditions: tuple[Condition, ...] = (),
    success_criteria: Condition | None = None,
    timeout_ms: int = 5000,
    audit: AuditLevel = "standard",
) -> Callable[[ToolFunction], Tool]:
    """Turn `async def name(context: ToolContext, …typed parameters…) -> ToolResult` into a tool.

    Args:
        module_code: module that owns it.
        permission_code: permission the person must have in the tenant.
        risk_level: `safe` reads; everything above may change something.
        summary_instructions: what it does and when to use it; always in the prompt.
        full_instructions: details a model may fetch.
        examples: questions it answers.
        catalogue: it lists what there is.
        cues: words one of which a question for it holds; none if it may be chosen by meaning alone.
        requires_approval: a human must agree first.
        allowed_agents: only agents of these modules; None means any.
        denied_agents: never these.
        pre_conditions: must hold for the arguments.
        post_conditions: must hold for the result.
        success_criteria: proof that the call did what it said.
        timeout_ms: longest execution.
        audit: how much payload the record keeps; the record itself is always written.

    Raises:
        InputError: the function does not fit: not async, no context first, untyped, names a tenant, or a policy that
            contradicts itself.
    """
    policy = ToolPolicy(
        permission_code=permission_code,
        risk_level=risk_level,
        requires_approval=requires_approval,
        allowed_agents=allowed_agents,
        denied_agents=denied_agents,
        pre_conditions=pre_conditions,
        post_conditions=post_conditions,
        success_criteria=success_criteria,
        timeout_ms=timeout_ms,
        audit=audit,
    )

    def decorate(function: ToolFunction) -> Tool:
        name = function.__name__
        where = f"{function.__module__}.{name}"
        _refuse_misfits(function, name, policy, where)
        model = _parameters(function, name, where)
        return Tool(
            name=name,
            module_code=module_code,
            function=function,
            parameters=model,
            schema=_plain_schema(model),
            summary=" ".join(summary_instructions.split()),
            full_instructions=full_instructions,
            examples=examples,
            catalogue=catalogue,
            policy=policy,
            cues=cues,
        )

    return decorate


def _refuse_misfits(function: ToolFunction, name: str, policy: ToolPolicy, where: str) -> None:
    if not inspect.iscoroutinefunction(function):
        raise InputError("a tool is an async function", where=where)
    if not _NAME.match(name):
        raise InputError("tool name is wrong", expected=_NAME.pattern, received=name, where=where)
    if not inspect.getdoc(function):
        raise InputError("a tool needs a docstring", where=where)
    if policy.audit == "none" and policy.risk_level != "safe":
        raise InputError("audit level `none` is only for tools that read", received=policy.risk_level, where=where)


def _parameters(function: ToolFunction, name: str, where: str) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    listed = list(inspect.signature(function).parameters.values())
    first = hints.get(listed[0].name) if listed else None
    if getattr(first, "__name__", None) != "ToolContext":
        raise InputError("the first parameter of a tool is `context: ToolContext`", where=where)
    if hints.get("return") is not ToolResult:
        raise InputError("a tool returns a ToolResult", received=hints.get("return"), where=where)
    fields: dict[str, Any] = {}
    for parameter in listed[1:]:
        if parameter.name in _TENANT_WORDS:
            raise InputError("the tenant is never a parameter", received=parameter.name, where=where)
        if parameter.name not in hints or parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise InputError("a tool's parameter is typed and plain", received=parameter.name, where=where)
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    return create_model(f"{name}_parameters", __config__=ConfigDict(extra="forbid"), **fields)


def _plain_schema(model: type[BaseModel]) -> Mapping[str, Any]:
    """The JSON schema without the titles pydantic adds; optional parameters lose their `anyOf … null`."""
    schema = model.model_json_schema()
    schema.pop("title", None)
    for prop in schema.get("properties", {}).values():
        prop.pop("title", None)
        if prop.get("default", ...) is None:
            prop.pop("default")
        choices = [choice for choice in prop.get("anyOf", []) if choice.get("type") != "null"]
        if len(choices) == 1:
            prop.pop("anyOf")
            prop.update({**choices[0], **prop})
    return schema
