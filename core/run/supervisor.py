"""One supervisor runs every part of an installation, and leaves nothing behind.

Parts are children in process groups of their own. They stop in a declared order when it stops, and die with it when
it is killed: the kernel ends the children (`child.py`), the guardian their children (`guardian.py`), and PostgreSQL
follows its last user (`keeper.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType

from core import log
from core.errors import GoldlayerError, InputError
from core.run.folder import RunFolder
from core.run.part import Part
from core.run.postgres import Postgres
from core.run.running import BackOff, RunningPart

_SERVER_LOOK_EVERY_S = 2.0

_log = log.get_logger("core.run")


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a part.

    Attributes:
        part: its name.
        what: `started`, `ready`, `ended` (by itself), `held` (ended, and wanted down), `stopped` (by us), `killed` (by
            us, out of patience).
        detail: words for people; may be empty.
    """

    part: str
    what: str
    detail: str = ""


class Supervisor:
    """Runs the parts of one installation; `async with` it, from the main thread.

    Inside the block the run folder is owned, PostgreSQL is up, and SIGINT or SIGTERM end the block: `until_stopped`
    returns; any other body is cancelled and the block raises KeyboardInterrupt. Leaving the block stops everything in
    order; a second signal meanwhile kills what takes its time.
    """

    def __init__(
        self,
        run: RunFolder,
        postgres: Postgres,
        *,
        on_event: Callable[[Event], None] | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self._run = run
        self._postgres = postgres
        self._on_event = on_event
        self._back_off = back_off or BackOff()
        self._parts: dict[str, RunningPart] = {}
        self._cleanup = contextlib.ExitStack()
        self._stop_requested = asyncio.Event()
        self._hurry = asyncio.Event()
        self._interrupted = False
        self._waiting = False
        self._stopping = False
        self._body: asyncio.Task[object] | None = None
        self._server_watch: asyncio.Task[None] | None = None
        self._guardian: subprocess.Popen[str] | None = None

    async def __aenter__(self) -> Supervisor:
        self._cleanup.enter_context(self._run.own())
        try:
            await asyncio.to_thread(self._postgres.start)
            self._cleanup.callback(self._postgres.stop)
            self._guardian = self._start_guardian()
        except BaseException:
            self._cleanup.close()
            raise
        self._body = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        self._server_watch = asyncio.create_task(self._watch_server())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        try:
            await self.stop()
        finally:
            if self._server_watch is not None:
                self._server_watch.cancel()
                await asyncio.gather(self._server_watch, return_exceptions=True)
            if self._guardian is not None and self._guardian.stdin is not None:
                self._guardian.stdin.close()
                await asyncio.to_thread(self._guardian.wait)
            await asyncio.to_thread(self._cleanup.close)
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)
        if self._interrupted and isinstance(error, asyncio.CancelledError):
            raise KeyboardInterrupt from error

    async def up(self, parts: Iterable[Part]) -> None:
        """Start parts and wait until all of them are ready.

        Raises:
            InputError: a part of that name runs already.
            TerminalError: one left with the exit code for wrong input; carries its last words.
            TransientError: one does not become ready in its time; names its log.
        """
        new: list[RunningPart] = []
        for part in parts:
            if part.name in self._parts:
                raise InputError("a part of that name runs already", received=part.name)
            running = RunningPart(part, self._run, self._guard, self._tell, self._back_off)
            self._parts[part.name] = running
            new.append(running)
        for running in new:
            await running.start()
        await asyncio.gather(*(running.wait_ready() for running in new))

    async def stop(self, *names: str) -> None:
        """Stop parts in their order, by default all of them; each order waits for the one before it."""
        chosen = [self._parts[name] for name in names or tuple(self._parts)]
        chosen.sort(key=lambda running: running.part.stop_order)
        for _, together in groupby(chosen, key=lambda running: running.part.stop_order):
            await asyncio.gather(*(running.stop(self._hurry) for running in together))
        for running in chosen:
            del self._parts[running.part.name]

    async def until_stopped(self) -> None:
        """Wait for SIGINT or SIGTERM."""
        self._waiting = True
        try:
            await self._stop_requested.wait()
        finally:
            self._waiting = False

    def pids(self) -> dict[str, int]:
        """Process of each part that runs now."""
        return {name: running.pid for name, running in self._parts.items() if running.pid is not None}

    def restarts(self) -> dict[str, int]:
        """How often each part had to be started again."""
        return {name: running.restarts for name, running in self._parts.items()}

    def _on_signal(self) -> None:
        if self._stopping or self._stop_requested.is_set():
            # A second Ctrl-C: no more patience with parts that take their time.
            self._hurry.set()
            return
        self._stop_requested.set()
        if not self._waiting and self._body is not None:
            self._interrupted = True
            self._body.cancel()

    def _tell(self, part: str, what: str, detail: str = "") -> None:
        write = _log.warning if what in ("ended", "killed") else _log.info
        write("part changed", part=part, action=what, detail=detail)
        if self._on_event is not None:
            self._on_event(Event(part, what, detail))

    def _start_guardian(self) -> subprocess.Popen[str]:
        program = [sys.executable, "-IS", str(Path(__file__).with_name("guardian.py"))]
        return subprocess.Popen(  # noqa: S603  our own program
            program, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, text=True
        )

    def _guard(self, sign: str, group: int) -> None:
        """Put a process group on the guardian's list (`+`), or take it off (`-`)."""
        if self._guardian is None or self._guardian.stdin is None:
            return
        try:
            self._guardian.stdin.write(f"{sign} {group}\n")
            self._guardian.stdin.flush()
        except BrokenPipeError:
            # Somebody ended the guardian: a new one gets the whole list.
            self._guardian.wait()
            self._guardian = self._start_guardian()
            for living in self.pids().values():
                self._guard("+", living)

    async def _watch_server(self) -> None:
        """The keeper restarts a crashed server; when the keeper itself is gone, this brings up both."""
        while True:
            await asyncio.sleep(_SERVER_LOOK_EVERY_S)
            if not await asyncio.to_thread(self._postgres.is_running):
                try:
                    await asyncio.to_thread(self._postgres.ensure)
                except GoldlayerError as error:
                    self._tell("postgres", "ended", str(error))
