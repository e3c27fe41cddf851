"""What somebody on site asks of pipelines: a running bridge answers, else this process does."""

from __future__ import annotations

import time
from pathlib import Path

from bridge.etl.memory import Run, run_of
from bridge.etl.service import Pipelines, load_of, remembered_site
from bridge.recorder import Recorder
from bridge.store import DATABASE, Store, StoreBusyError, read_only, transaction
from core.errors import InputError, TransientError
from core.settings import BridgeSettings

_LOOK_S = 0.2


def run_now(home: Path, name: str, *, again: bool, wait_s: float, settings: BridgeSettings) -> Run:
    """Run one pipeline now and wait for its end.

    Raises:
        InputError: no bridge ever ran on this folder, or there is no such pipeline.
        TransientError: the bridge is at other work for longer than `wait_s`.
    """
    site = remembered_site(home)
    load_of(home, site).pick(name)
    request = _ask(home, name, again)
    try:
        with Store.open(home) as store:
            recorder = Recorder(store, site, clocked=False)
            pipelines = Pipelines(store, recorder, site, settings)
            try:
                pipelines.answer()
            finally:
                pipelines.close()
                recorder.close()
            wait_s = 0.0
    except StoreBusyError:
        pass  # a bridge runs, and has been asked
    return _answered(home, request, name, wait_s)


def _ask(home: Path, name: str, again: bool) -> int:
    store = Store(home)
    if not (home / DATABASE).is_file():
        raise InputError("no bridge has run here", where=str(home), next_step="check --home")
    with store.writing() as connection, transaction(connection):
        found = connection.execute("insert into etl_requests (pipeline, again) values (?, ?)", (name, int(again)))
    return int(found.lastrowid or 0)


def _answered(home: Path, request: int, name: str, wait_s: float) -> Run:
    connection = read_only(home)
    try:
        end = time.monotonic() + wait_s
        while True:
            found = connection.execute("select run_id from etl_requests where id = ?", (request,)).fetchone()
            run = run_of(connection, found[0]) if found and found[0] else None
            if run is not None:
                return run
            if found and found[0] == 0:
                raise InputError(f"the running bridge has no pipeline {name!r}", where=str(home))
            if time.monotonic() >= end:
                raise TransientError(
                    "the bridge has not run the pipeline yet",
                    expected=f"an answer within {wait_s:g} s",
                    next_step="look at `platform bridge etl log`; it is asked and will run",
                )
            time.sleep(_LOOK_S)
    finally:
        connection.close()
