"""Pipelines beside a running bridge: when each is due, what somebody asked for, and files that changed meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.backoff import wait_for
from bridge.etl.cron import Cron
from bridge.etl.folder import FOLDER, Loaded, Placed, load_pipelines
from bridge.etl.memory import Memory, forget_old, interrupted
from bridge.etl.run import Runner
from bridge.local import definitions, stamp_of
from bridge.recorder import Recorder
from bridge.store import Store, get_meta, read_only, set_meta, transaction
from bridge.threads import in_thread
from core import clock
from core.contracts.duration import parse_duration
from core.contracts.reading import to_datetime
from core.contracts.site import SiteFile
from core.log import get_logger
from core.settings import BridgeSettings

_TICK_S = 1.0
_TIDY_EVERY = 3600
_log = get_logger("bridge")


def remember_site(store: Store, site: SiteFile, bridge_id: str | None = None) -> None:
    """Keep the site's form and the bridge's name in the home folder, for commands that run beside it or without it."""
    with store.writing() as connection, transaction(connection):
        set_meta(connection, "site", site.model_dump_json())
        set_meta(connection, "bridge_id", bridge_id or bridge_of(site))


def bridge_of(site: SiteFile) -> str:
    """Name of a site's bridge, unless it is given another."""
    return f"{site.site}-bridge"


def remembered_bridge(home: Path) -> str:
    """Name of the bridge that last ran on a home folder.

    Raises:
        InputError: none ever did.
    """
    connection = read_only(home)
    try:
        return get_meta(connection, "bridge_id") or bridge_of(remembered_site(home))
    finally:
        connection.close()


def remembered_site(home: Path) -> SiteFile:
    """The site that a bridge last ran with on a home folder.

    Raises:
        InputError: none ever did.
    """
    connection = read_only(home)
    try:
        return SiteFile.model_validate(json.loads(get_meta(connection, "site", "{}")))
    finally:
        connection.close()


def load_of(home: Path, site: SiteFile) -> Loaded:
    """Pipelines of a home folder as they lie there now."""
    return load_pipelines(definitions(home), site.derived())


class Pipelines:
    """Pipelines of one bridge; `tick` and `close` are called by one thread at a time.

    Args:
        store: the home folder.
        recorder: the one door to the journal.
        site: names the signals that may be made, and the time zone.
        settings: the bridge's.
    """

    def __init__(self, store: Store, recorder: Recorder, site: SiteFile, settings: BridgeSettings) -> None:
        self._home, self._site, self._settings = store.home, site, settings
        self._connection = store.connect()
        self._fresh = False
        self._runner = Runner(
            store.home,
            self._connection,
            recorder,
            derived=site.derived(),
            zone=site.timezone,
            max_bytes=settings.pipeline_max_file_bytes,
            journaled=self._note,
        )
        self._since = clock.now_us()
        self._ticks = 0
        self._stamp: object = None
        self._loaded = Loaded({}, ())
        interrupted(self._connection)

    def _note(self) -> None:
        self._fresh = True

    async def run(self, journaled: asyncio.Event, stop: asyncio.Event) -> None:
        """Run what is due until `stop`; `journaled` is set when a run has made readings."""
        while not stop.is_set():
            await in_thread(self.tick, stop.is_set)
            if self._fresh:
                self._fresh = False
                journaled.set()
            await wait_for(stop, _TICK_S)

    def tick(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Run what somebody asked for, then what is due."""
        if self._ticks % _TIDY_EVERY == 0:
            forget_old(self._connection, self._settings.historian_days)
        self._ticks += 1
        self._reload()
        self.answer(stopped)
        for placed in self._loaded.pipelines.values():
            if not stopped() and self._is_due(placed):
                self._runner.run(placed, "schedule", stopped=stopped)

    def answer(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Run what somebody asked for."""
        self._reload()
        asked = self._connection.execute(
            "select id, pipeline, again from etl_requests where run_id is null order by id"
        )
        for request, name, again in asked.fetchall():
            placed = self._loaded.pipelines.get(name)
            run_id = 0 if placed is None else self._runner.run(placed, "command", again=bool(again), stopped=stopped)
            with transaction(self._connection) as connection:
                connection.execute("update etl_requests set run_id = ? where id = ?", (run_id, request))
                connection.execute("delete from etl_requests where id < ? and run_id is not null", (request - 100,))

    def _reload(self) -> None:
        stamp = stamp_of(self._home, (FOLDER,))
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._loaded = load_of(self._home, self._site)
        for problem in self._loaded.problems:
            _log.error("pipeline is wrong and does not run", action="etl", error=str(problem))
        if self._loaded.pipelines:
            _log.info("pipelines loaded", action="etl", pipelines=sorted(self._loaded.pipelines))

    def _is_due(self, placed: Placed) -> bool:
        pipeline, now = placed.pipeline, clock.now_us()
        last = Memory(self._connection, pipeline.pipeline).last_started()
        if pipeline.every is not None:
            return last is None or now - last >= parse_duration(pipeline.every) // timedelta(microseconds=1)
        if pipeline.cron is None:
            return False
        zone = ZoneInfo(self._site.timezone)
        # What was missed while nobody ran is made up for once.
        before = to_datetime(self._since if last is None else last).astimezone(zone)
        return Cron.parse(pipeline.cron).after(before) <= datetime.fromtimestamp(now / 1e6, zone)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
