"""Rules beside a running bridge: journal in, readings out, what is remembered moving with the place in the journal."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

from bridge.backoff import wait_for
from bridge.contract.columns import columns_of
from bridge.driver import Series
from bridge.journal import frames_after
from bridge.local import definitions, stamp_of
from bridge.recorder import Recorder
from bridge.rules.memory import Memory, withdrawn
from bridge.rules.plan import FOLDER, MODELS, RulePlan, plan_rules
from bridge.rules.remembered import forget_rules, remembered, store
from bridge.rules.watching import Watching
from bridge.store import RULES_CHECKPOINT, Store, get_meta, set_meta, transaction
from bridge.threads import in_thread
from core import clock
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.log import get_logger

_PAUSE_S, _IDLE_S = 0.25, 1.0
"""Time between two looks at the journal, and, where there is no rule, at the folder of rules."""
_STEP_ROWS = 20_000
_REMEMBER_US = 5_000_000
"""Without a result, the place in the journal is noted this seldom: what lies behind it is looked at again, and again
without a result."""
_log = get_logger("bridge")


class Rules:
    """Rules of one bridge; `step` and `close` are called by one thread at a time."""

    def __init__(self, store: Store, recorder: Recorder, site: SiteFile) -> None:
        self._home, self._site, self._recorder = store.home, site, recorder
        self._connection = store.connect()
        self._plan = RulePlan()
        self._watching = Watching((), {})
        self._stamp: object = None
        self._checkpoint: int | None = None
        self._noted_at = 0

    async def run(self, journaled: asyncio.Event, stop: asyncio.Event) -> None:
        """Look at what is journaled until `stop`; `journaled` is set when that brought readings."""
        try:
            while not stop.is_set():
                taken, made = await in_thread(self.step)
                if made:
                    journaled.set()
                if not taken:
                    await wait_for(stop, _PAUSE_S if self._plan.watches else _IDLE_S)
        finally:
            await in_thread(self.note)

    def step(self) -> tuple[int, int]:
        """Look at the next frames.

        Returns:
            Frames taken, readings made.

        Raises:
            StoreError: nothing moved; call again.
        """
        try:
            made = self._reload()
            if self._checkpoint is None:
                return 0, made
            frames = frames_after(self._connection, self._checkpoint, _STEP_ROWS)
            if not frames:
                return 0, made
            batches = [frame.batch for frame in frames if self._watching.looks_at(frame.batch)]
            found = self._watching.look(columns_of(batches)) if batches else []
            self._checkpoint = frames[-1].id
            if found or clock.now_us() - self._noted_at >= _REMEMBER_US:
                made += self._keep(found)
            return len(frames), made
        except BaseException:
            self._stamp = None  # memory is ahead of the database: begin again from there
            raise

    def note(self) -> None:
        """Make what is remembered durable."""
        if self._checkpoint is not None and self._stamp is not None:
            self._keep([])

    def _keep(self, found: list[Sample], also: Callable[[sqlite3.Connection], None] | None = None) -> int:
        """Readings, memory and place in the journal, all or nothing."""
        moved = self._watching.moved()

        def remember(connection: sqlite3.Connection, _readings: int = 0) -> None:
            store(connection, moved)
            if also is not None:
                also(connection)
            if self._checkpoint is None:
                connection.execute("delete from meta where name = ?", (RULES_CHECKPOINT,))
            else:
                set_meta(connection, RULES_CHECKPOINT, self._checkpoint)

        if found:
            made = self._recorder.derive(found, remember)
        else:
            made = 0
            with transaction(self._connection) as connection:
                remember(connection)
        self._watching.settle()
        self._noted_at = clock.now_us()
        return made

    def _reload(self) -> int:
        """Take up rules that came, changed or went; readings made by those that went."""
        stamp = stamp_of(self._home, (FOLDER, MODELS))
        if stamp == self._stamp:
            return 0
        if self._stamp is not None and self._checkpoint is not None:
            self._keep([])
        self._plan = plan_rules(definitions(self._home), self._site)
        for problem in self._plan.problems:
            _log.error("edge rules are wrong and not used", action="rule", error=str(problem))
        made = self._take_up()
        self._stamp = stamp
        if self._plan.watches:
            _log.info("edge rules loaded", action="rule", rules=len({one.rule.rule for one in self._plan.watches}))
        return made

    def _take_up(self) -> int:
        """Memories of the plan's rules out of the database; a rule that was changed keeps only what stands."""
        known = remembered(self._connection)
        memories: dict[Series, Memory] = {}
        gone = dict(known)
        for watch in self._plan.watches:
            event, definition, memory = known.get(watch.key, ("", "", Memory()))
            if definition != watch.definition:
                memory = Memory(standing=memory.standing and event == watch.rule.event, newest=memory.newest)
            if event == watch.rule.event:
                gone.pop(watch.key, None)
            memories[watch.key] = memory
        self._watching = Watching(self._plan.watches, memories)
        before = get_meta(self._connection, RULES_CHECKPOINT)
        self._checkpoint = None
        if self._plan.watches:
            self._checkpoint = int(before) if before else self._newest_frame()
        ended = [one for (_, machine), (event, _, memory) in gone.items() for one in withdrawn(event, machine, memory)]
        removed = {rule for rule, _ in known} - {watch.rule.rule for watch in self._plan.watches}

        def forget(connection: sqlite3.Connection) -> None:
            forget_rules(connection, removed)

        return self._keep(ended, forget) if self._plan.watches or known or before else 0

    def _newest_frame(self) -> int:
        """A rule begins with what comes after it."""
        (newest,) = self._connection.execute(
            "select max(coalesce((select max(id) from frames), 0), coalesce((select max(last_frame) from segments), 0))"
        ).fetchone()
        return int(newest)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
