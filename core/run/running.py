"""A part in flight: started, watched, started again with growing pauses unless it is held down, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, TerminalError, TransientError
from core.run.bound import bound_to_us
from core.run.folder import RunFolder
from core.run.part import Part

_LOOK_EVERY_S = 0.1
_LOOK_AT_HOLD_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class BackOff:
    """Pauses before a part is started again: doubled each time, forgotten after a long life."""

    first_s: float = 0.5
    last_s: float = 30.0
    long_life_s: float = 60.0

    def after(self, pause_s: float, lived_s: float) -> float:
        """The next pause, after one of `pause_s` (0: none yet) and a life of `lived_s`."""
        if pause_s == 0.0 or lived_s >= self.long_life_s:
            return self.first_s
        return min(pause_s * 2, self.last_s)


class RunningPart:
    """One part and its present process."""

    def __init__(
        self,
        part: Part,
        run: RunFolder,
        guard: Callable[[str, int], None],
        tell: Callable[[str, str, str], None],
        back_off: BackOff,
    ) -> None:
        self.part = part
        self.restarts = 0
        self.log_file: Path = run.logs / f"{part.name}.log"
        self._run = run
        self._guard = guard
        self._tell = tell
        self._back_off = back_off
        self._process: asyncio.subprocess.Process | None = None
        self._last_exit: int | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The living process, or None between two lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the process and the watch over it."""
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive())

    async def wait_ready(self) -> None:
        """Ask the part until it is ready.

        Raises:
            TerminalError: it left with the exit code for wrong input, so that starting it again is no use.
            TransientError: its time is up.
        """
        end = time.monotonic() + self.part.ready_within_s
        while time.monotonic() < end:
            if self.pid is not None and await self.part.ready():
                self._tell(self.part.name, "ready", "")
                return
            if self._last_exit == InputError.exit_code:
                raise TerminalError(
                    f"{self.part.name} refuses to start", received=self._last_words(), where=str(self.log_file)
                )
            await asyncio.sleep(_LOOK_EVERY_S)
        raise TransientError(
            f"{self.part.name} does not become ready",
            expected=f"ready within {self.part.ready_within_s:g} s",
            received=self._last_words(),
            where=str(self.log_file),
            next_step="read the end of that log",
        )

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else "nothing in its log"

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ask the process to stop and kill its group when it takes longer than its grace, or when there is a hurry."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.part.stop_signal)
            gone = asyncio.create_task(process.wait())
            rush = asyncio.create_task(hurry.wait())
            await asyncio.wait({gone, rush}, timeout=self.part.grace_s, return_when=asyncio.FIRST_COMPLETED)
            rush.cancel()
            in_time = gone.done()
            self._kill_group(process.pid)
            await gone
            self._tell(self.part.name, "stopped" if in_time else "killed", f"exit {process.returncode}")
        self._clear(process.pid)
        self._run.mark(self.part.name, None)

    async def _spawn(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *bound_to_us(self.part.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.part.env},
                start_new_session=True,
            )
        self._guard("+", self._process.pid)
        self._run.mark(self.part.name, self._process.pid)
        self._tell(self.part.name, "started", f"pid {self._process.pid}")

    async def _keep_alive(self) -> None:
        pause = 0.0
        while self._process is not None:
            born = time.monotonic()
            code = self._last_exit = await self._process.wait()
            self._clear(self._process.pid)
            pause = self._back_off.after(pause, time.monotonic() - born)
            self._tell(self.part.name, "ended", f"exit {code}, starts again in {pause:g} s")
            await asyncio.sleep(pause)
            if await self._was_held():
                pause = 0.0
            self.restarts += 1
            await self._spawn()

    async def _was_held(self) -> bool:
        """Wait as long as somebody wants the part to be down; whether anybody did."""
        was = False
        while (until := self._run.state().held.get(self.part.name, 0.0)) > time.time():
            if not was:
                self._tell(self.part.name, "held", f"for {until - time.time():.0f} s")
            was = True
            await asyncio.sleep(_LOOK_AT_HOLD_EVERY_S)
        return was

    def _clear(self, pid: int) -> None:
        """What a process left in its group goes with it; its mark stays, so that others see a part that is down."""
        self._kill_group(pid)
        self._guard("-", pid)

    @staticmethod
    def _kill_group(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
