"""Building the tables: Dagster in a process of its own, so that its memory goes when it is done."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cli.demo.progress import Progress
from core.errors import TerminalError
from core.run.bound import bound_to_us
from core.run.folder import RunFolder
from core.settings import Settings, as_environment


async def _nothing() -> AsyncGenerator[bytes]:
    return
    yield b""


class TableBuilder:
    """The process that will build the tables: it loads Dagster while the data streams, and builds when it is told."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process, self._log = process, log

    @classmethod
    async def start(cls, run: RunFolder, settings: Settings) -> TableBuilder:
        """Start loading; the process goes with this one, and by itself if it is never told."""
        words = ["dagster", "materialize", "--when-told", "--run", str(run.path)]
        path = run.logs / "materialize.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *bound_to_us([sys.executable, "-P", "-m", "cli.main", *words]),
                env={**os.environ, **as_environment(settings), "GOLDLAYER_DEBUG": "true"},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return cls(process, path)

    async def build(self, progress: Progress) -> dict[str, Any]:
        """Materialise what follows from new bronze data.

        Returns:
            What the command printed as its last line: Dagster's counts.

        Raises:
            TerminalError: a run failed; carries the command's last words.
        """
        await self._tell()
        last = ""
        async for line in self._process.stdout or _nothing():
            if last:
                progress.say(f"  {last}")
            last = line.decode(errors="replace").rstrip()
        if await self._process.wait() != 0:
            tail = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise TerminalError(
                "the tables could not be built",
                received=" ".join(tail)[-500:],
                where=str(self._log),
                next_step="read the log; the next start tries again",
            )
        return json.loads(last)

    async def stop(self) -> None:
        """End the process if it was never told, or is not done."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _tell(self) -> None:
        told = self._process.stdin
        if told is None:
            return
        # If it has ended already, its exit code and its log say why.
        with suppress(BrokenPipeError, ConnectionResetError):
            told.write(b"build\n")
            await told.drain()
