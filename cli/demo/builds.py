"""Building the tables: Dagster in a process of its own, so that its memory goes when it is done."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from typing import Any

from cli.demo.progress import Progress
from core.errors import TerminalError
from core.run.bound import bound_to_us
from core.run.folder import RunFolder
from core.settings import Settings, as_environment


async def _nothing() -> AsyncGenerator[bytes]:
    return
    yield b""


async def build_tables(run: RunFolder, settings: Settings, progress: Progress) -> dict[str, Any]:
    """Materialise what follows from new bronze data.

    Returns:
        What the command printed as its last line: Dagster's counts.

    Raises:
        TerminalError: a run failed; carries the command's last words.
    """
    argv = [sys.executable, "-P", "-m", "cli.main", "dagster", "materialize", "--run", str(run.path)]
    with (run.logs / "materialize.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *bound_to_us(argv),
            env={**os.environ, **as_environment(settings), "GOLDLAYER_DEBUG": "true"},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        last = ""
        async for line in process.stdout or _nothing():
            if last:
                progress.say(f"  {last}")
            last = line.decode(errors="replace").rstrip()
        code = await process.wait()
    if code != 0:
        tail = (run.logs / "materialize.log").read_text(errors="replace").strip().splitlines()[-1:]
        raise TerminalError(
            "the tables could not be built",
            received=" ".join(tail)[-500:],
            where=str(run.logs / "materialize.log"),
            next_step="read the log; the next start tries again",
        )
    return json.loads(last)
