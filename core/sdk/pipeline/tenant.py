"""First wrapper: person, context and data belong to one tenant, no argument names another, and it is active now."""

from __future__ import annotations

from core.sdk.pipeline.call import Next, Outcome, ToolCall, denied

_STAGE = "tenant"


async def same_tenant(call: ToolCall, proceed: Next) -> Outcome:
    """Deny unless the identity was signed in for the very tenant the context is bound to."""
    context = call.context
    if context.identity.tenant.id != context.tenant.id:
        return denied(_STAGE, "this session belongs to another tenant")
    named = sorted(name for name in call.arguments if "tenant" in name.lower())
    if named:
        return denied(_STAGE, f"the tenant comes from the sign-in, never from an argument ({named[0]})")
    if context.is_active is not None and not await context.is_active():
        return denied(_STAGE, "the tenant is not active")
    return await proceed(call)
