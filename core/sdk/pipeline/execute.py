"""Innermost: run the function within its time; what it raises becomes a message without internals."""

from __future__ import annotations

import asyncio

from core.errors import DeniedError, GoldlayerError, InputError
from core.log import get_logger
from core.sdk.pipeline.call import Exit, Outcome, ToolCall

_log = get_logger("sdk")


async def execute(call: ToolCall) -> Outcome:
    """Call the tool's function with its validated values."""
    tool = call.tool
    try:
        async with asyncio.timeout(tool.policy.timeout_ms / 1000):
            context = await call.context.within(tool.module_code)
            result = await tool.function(context, **call.values)
    except TimeoutError:
        message = f"{tool.name} took longer than {tool.policy.timeout_ms} ms"
        return Outcome(Exit.TIMEOUT, message=message, stage="execute")
    except DeniedError as error:
        return Outcome(Exit.DENIED, message=str(error), stage="execute")
    except InputError as error:
        return Outcome(Exit.INVALID, message=str(error), stage="execute")
    except GoldlayerError as error:
        return Outcome(Exit.FAILED, message=str(error), stage="execute")
    except Exception:
        # The caller learns that it failed and where to look, never what stood in the trace.
        _log.exception("tool failed", action="tool.execute", tool=tool.name, correlation=call.context.correlation_id)
        message = f"{tool.name} failed; the service log has it under {call.context.correlation_id}"
        return Outcome(Exit.FAILED, message=message, stage="execute")
    return Outcome(Exit.OK, result=result)
