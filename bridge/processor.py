"""Journal to outbox: runs the contract over new frames and moves checkpoint, state, books and batches as one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time

import pyarrow as pa

from bridge.contract.change import change
from bridge.contract.counts import HourKey, Line, merge
from bridge.contract.engine import States, Step, step
from bridge.contract.plan import plan_site
from bridge.contract.state import SeriesState
from bridge.in_force import remember_contract
from bridge.journal import Frame, frames_after, gap_news
from bridge.ledger import Ledger
from bridge.outbox import OutboxWriter, backlog
from bridge.space import Limit
from bridge.store import Store, StoreError, get_meta, set_meta, transaction
from core.contracts.data_contract import DataContract
from core.contracts.lanes import LaneKind
from core.contracts.reading import events_to_arrow, gaps_to_arrow
from core.contracts.site import SiteFile
from core.log import get_logger

STEP_ROWS = 20_000
MOST_WAITING_LIVE = 64
"""Batches that may wait before new ones are backlog."""
COUNTS_WAIT_S = 2.0
"""Counts without a row to ride with leave alone after this time."""
_log = get_logger("bridge")


class Processor:
    """Holds the contract's state in memory as the database has it; called by one thread at a time.

    Args:
        store: the home folder.
        site: the site.
        outbox: numbers and stores what leaves, under the contract that judges readings.
        outbox_max_bytes: size of the outbox at which the contract waits.
    """

    def __init__(self, store: Store, site: SiteFile, outbox: OutboxWriter, *, outbox_max_bytes: int) -> None:
        self._connection = store.connect()
        self._limit = Limit(outbox_max_bytes)
        self._site = site
        self._plan = plan_site(site, outbox.contract)
        self._outbox = outbox
        self._load()
        step(self._plan, {}, [], [])  # loads what the first step needs, before a reading waits for it

    def _load(self) -> None:
        connection = self._connection
        self._checkpoint = int(get_meta(connection, "checkpoint", "0"))
        self._states: States = {
            (machine, signal): SeriesState.load(text)
            for machine, signal, text in connection.execute("select equipment_id, signal, state from series_state")
        }
        pending = json.loads(get_meta(connection, "pending_counts", "[]"))
        self._pending: dict[HourKey, Line] = {(m, s, hour): line for m, s, hour, line in pending}
        self._pending_since = 0.0 if pending else None
        self._ledger = Ledger(connection)

    def run_once(self, *, live: bool) -> int:
        """Put the next frames through the contract.

        Args:
            live: whether batches made now go to the live lanes.

        Returns:
            Frames taken; 0 when the contract has caught up with the journal.

        Raises:
            StoreError: nothing moved; call again.
        """
        frames = [] if self._held() else frames_after(self._connection, self._checkpoint, STEP_ROWS)
        overdue = self._pending_since is not None and time.monotonic() - self._pending_since >= COUNTS_WAIT_S
        if not frames and not overdue and not gap_news(self._connection, 1)[0]:
            return 0
        try:
            self._advance(frames, live=live)
        except BaseException:
            # Whatever ended it, cancellation too: what is in memory is ahead of the database, which is what counts.
            self._load()
            raise
        return len(frames)

    def adopt(self, contract: DataContract, file_sha256: str, *, live: bool) -> None:
        """Judge every reading from the checkpoint on by another contract; what was judged before leaves under the old.

        Args:
            contract: the other one, which fits the site.
            file_sha256: of the contract's file on site, so that a restart knows whether it has changed since.
            live: as for `run_once`.

        Raises:
            StoreError: nothing moved; the old contract goes on.
        """
        plan = plan_site(self._site, contract)
        try:
            made = change(self._plan, plan, self._states, self._newest_source_time())
            with transaction(self._connection) as connection:
                self._send(connection, made, live=live, frames=0)
                self._remember(connection, made)
                set_meta(connection, "pending_counts", "[]")
                remember_contract(connection, contract, file_sha256)
        except BaseException:
            # As above: the old contract's state is read back, and the old contract stays in force.
            self._load()
            raise
        self._pending, self._pending_since = {}, None
        self._plan, self._outbox = plan, self._outbox.under(contract)

    def _newest_source_time(self) -> int:
        """Newest source time that the contract has judged; 0 before the first."""
        found = self._connection.execute(
            "select max(newest) from (select max(max_ts) as newest from frames where id <= ?"
            " union all select max(max_ts) from segments)",
            (self._checkpoint,),
        ).fetchone()[0]
        return int(found or 0)

    def _advance(self, frames: list[Frame], *, live: bool) -> None:
        made = step(self._plan, self._states, [f.batch for f in frames], [f.notes for f in frames])
        with transaction(self._connection) as connection:
            sent = self._send(connection, made, live=live, frames=len(frames))
            self._tell_gaps(connection, live=live)
            self._remember(connection, made)
            if frames:
                set_meta(connection, "checkpoint", frames[-1].id)
            if not sent:
                merge(self._pending, made.counts.upstream)
            set_meta(connection, "pending_counts", "[]" if sent else self._pending_text())
        if frames:
            self._checkpoint = frames[-1].id
        if sent:
            self._pending, self._pending_since = {}, None
        elif self._pending and self._pending_since is None:
            self._pending_since = time.monotonic()

    def _send(self, connection: sqlite3.Connection, made: Step, *, live: bool, frames: int) -> bool:
        """Store batches; true if the pending counts left with them."""
        site = self._plan.site
        leave = made.rows.num_rows > 0 or frames == 0
        if leave:
            counts = made.counts.to_arrow(site, self._pending)
            self._outbox.put(connection, LaneKind.READINGS, made.rows, counts, live=live)
        if made.events:
            events: pa.RecordBatch = events_to_arrow(site, made.events)
            self._outbox.put(connection, LaneKind.FAULTS, events, None, live=live)
        for name, more in (("sent_readings", made.rows.num_rows), ("sent_events", len(made.events))):
            if more:
                set_meta(connection, name, int(get_meta(connection, name, "0")) + more)
        return leave

    def _tell_gaps(self, connection: sqlite3.Connection, *, live: bool) -> None:
        gaps, last = gap_news(connection, STEP_ROWS)
        if gaps:
            self._outbox.put(connection, LaneKind.STATUS, gaps_to_arrow(self._plan.site, gaps), None, live=live)
            connection.execute("delete from gap_news where id <= ?", (last,))

    def _remember(self, connection: sqlite3.Connection, made: Step) -> None:
        connection.executemany(
            "insert into series_state values (?, ?, ?) "
            "on conflict (equipment_id, signal) do update set state = excluded.state",
            [(*series, self._states[series].dump()) for series in made.touched],
        )
        self._ledger.add(connection, *made.counts.by_signal())

    def _pending_text(self) -> str:
        return json.dumps([[*key, line] for key, line in self._pending.items()])

    def behind(self) -> bool:
        """True if so many batches wait that new ones cannot count as live."""
        return backlog(self._connection).batches > MOST_WAITING_LIVE

    def _held(self) -> bool:
        """True while the outbox takes no more: frames wait in the journal, which has what the outbox would."""
        was = self._limit.full
        size = backlog(self._connection).bytes
        if self._limit.look(size) != was:
            say = _log.info if was else _log.warning
            say("outbox has room again" if was else "outbox is full, the contract waits", action="hold", bytes=size)
        return self._limit.full

    def close(self) -> None:
        """Write the books row by row and let go of the database."""
        with contextlib.suppress(StoreError), transaction(self._connection) as connection:
            self._ledger.fold(connection)
        self._connection.close()
