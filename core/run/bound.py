"""The command line of a program that dies with the process that starts it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from core.run.account import Account


def bound_to_us(
    argv: Sequence[str], *, death_signal: signal.Signals = signal.SIGKILL, account: Account | None = None
) -> list[str]:
    """`argv` wrapped so that the kernel sends it `death_signal` when the calling *thread* ends.

    Start it from a thread that lives as long as the process, best the main thread.

    Args:
        argv: the program and its arguments.
        death_signal: what it gets when we die.
        account: run it as this user.
    """
    order = {
        "parent": os.getpid(),
        "signal": int(death_signal),
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
    }
    return [sys.executable, "-IS", str(Path(__file__).with_name("child.py")), json.dumps(order), *argv]
