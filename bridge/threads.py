"""Blocking work in a thread that nobody leaves behind: whoever closes a database next must find no one in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a call in a thread; cancelled meanwhile, leave only when it is done.

    A thread cannot be cancelled: a task that simply leaves lets it go on using what is closed next, and SQLite answers
    that by ending the process.
    """
    context, work_itself = copy_context(), partial(call, *args, **kwargs)
    work = asyncio.get_running_loop().run_in_executor(None, lambda: context.run(work_itself))
    try:
        return await asyncio.shield(work)
    finally:
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                continue
