"""Real commands, killed (kill -9) exactly when the work of a step is done and its note is about to be written.

The database holds them there: a trigger that these tests make and drop again, nothing in the product.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.db import Database
from core.settings import as_environment

if TYPE_CHECKING:
    from tests.conftest import Installation

_ROOT = Path(__file__).parents[3]
_HOLD = """
create function hold_step() returns trigger language plpgsql as $$
begin
    perform pg_sleep(120);
    return coalesce(new, old);
end $$;
create trigger hold_step before {moment} for each row {condition} execute function hold_step()
"""
_HELD = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = 'platform'"
ACTIVATION = _HOLD.format(moment="update on tenants", condition="when (new.status = 'active')")
SUBSCRIPTION = _HOLD.format(moment="update on tenant_module_subscriptions", condition="when (new.state = 'active')")
STRIKING_OUT = _HOLD.format(moment="delete on tenants", condition="")


def step(operation: str, name: str) -> str:
    """Before it is noted that a step is done."""
    condition = f"when (new.operation = '{operation}' and new.step = '{name}')"
    return _HOLD.format(moment="insert on tenant_steps", condition=condition)


def begin(installation: Installation, *words: str) -> subprocess.Popen[bytes]:
    """The real command, `platform tenants …`, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "tenants", *words, "--run", str(installation.run.path)],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", **as_environment(installation.settings)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


async def kill_at(installation: Installation, superuser: Database, moment: str, *words: str) -> None:
    """Run a command until a moment and kill it there.

    Args:
        installation: where it works.
        superuser: on its platform database.
        moment: `step`, `SUBSCRIPTION`, `ACTIVATION` or `STRIKING_OUT`.
        words: of the command.
    """
    await superuser.execute(moment)
    process = begin(installation, *words)
    try:
        held = await _held(superuser, process)
        process.kill()
        process.wait()
        await superuser.execute(f"select pg_terminate_backend({held}, 10000)")
    finally:
        process.kill()
        process.wait()
        await superuser.execute("drop function hold_step cascade")


async def _held(superuser: Database, process: subprocess.Popen[bytes]) -> int:
    """The session that waits at the moment."""
    for _ in range(1_200):
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace")[-1000:] if process.stderr else ""
            raise AssertionError(f"the command ended with {process.returncode} before it was killed: {said}")
        held = await superuser.fetchval(_HELD)
        if held is not None:
            return int(held)
        await asyncio.sleep(0.05)
    raise AssertionError("the step was never reached")
