"""Arguments are validated and pre-conditions tested before; post-conditions and success criteria after."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from core.sdk.pipeline.call import Exit, Next, Outcome, ToolCall


async def pre_conditions(call: ToolCall, proceed: Next) -> Outcome:
    """Hold the arguments against the schema, then against each sentence."""
    try:
        model = call.tool.parameters.model_validate(dict(call.arguments))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'arguments'}: {one['msg']}" for one in error.errors()[:3]
        )
        return Outcome(Exit.INVALID, message=f"arguments of {call.tool.name} are wrong: {problems}", stage="arguments")
    values = {name: getattr(model, name) for name in type(model).model_fields}
    for condition in call.tool.policy.pre_conditions:
        if not condition.test(values):
            return Outcome(Exit.INVALID, message=f"pre-condition: {condition.sentence}", stage="pre_conditions")
    return await proceed(replace(call, values=values))


async def post_conditions(call: ToolCall, proceed: Next) -> Outcome:
    """Hold the result against each sentence; a result that breaks one is not handed out."""
    outcome = await proceed(call)
    if not outcome.ok:
        return outcome
    for condition in call.tool.policy.post_conditions:
        if not condition.test(outcome.result):
            return replace(
                outcome,
                exit=Exit.FAILED,
                result=None,
                message=f"post-condition: {condition.sentence}",
                stage="post_conditions",
            )
    return outcome


async def success_criteria(call: ToolCall, proceed: Next) -> Outcome:
    """The last proof: without it a call that ran is still not a call that worked."""
    outcome = await proceed(call)
    proof = call.tool.policy.success_criteria
    if outcome.ok and proof is not None and not proof.test(outcome.result):
        return replace(
            outcome,
            exit=Exit.FAILED,
            result=None,
            message=f"success criterion: {proof.sentence}",
            stage="success_criteria",
        )
    return outcome
