"""A real server whose clock registers are set back while nobody reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bridge.books import read_books
from bridge.drivers.modbus.driver import ModbusDriver
from bridge.drivers.modbus.profiles import STANDARD
from bridge.journal import gap_news
from bridge.recorder import Recorder
from bridge.runner import Runner
from bridge.store import Store
from core import clock
from core.contracts.reading import CLOCK_SET_BACK, GapNews

STEP_US = 1_000_000


def set_back(store: Store) -> list[GapNews]:
    with store.writing() as connection:
        return [one for one in gap_news(connection, 100)[0] if one.reason == CLOCK_SET_BACK]


async def test_the_time_nobody_read_is_told_when_the_clock_went_back(
    tmp_path: Path, bus, build, make_site, as_words
) -> None:
    now_us = 5_000 * STEP_US

    def show(unit: int, start: int, current: list[int]) -> None:
        nonlocal now_us
        now_us += STEP_US
        current[0:4] = as_words(">q", now_us)

    port = build.free_port()
    bus.show = show
    site = make_site(
        f"modbus://127.0.0.1:{port}", "1/holding/4/float32", "1/holding/6/int16", clock={"address": "1/holding/0/int64"}
    )
    built = ModbusDriver.of_site(site)
    driver = ModbusDriver(built.endpoint, built.polls, replace(STANDARD, request_timeout_s=1.5))

    @asynccontextmanager
    async def reading(recorder: Recorder) -> AsyncIterator[None]:
        """All that was read is in the journal afterwards, whatever held the process up meanwhile."""
        runner = Runner(
            driver, recorder, asyncio.Event(),
            journal_interval_s=0.02, poll_interval_s=0.01, longest_pause_s=0.05, store_max_bytes=1 << 40,
        )  # fmt: skip
        stop = asyncio.Event()
        await bus.serve(port)
        parts = [asyncio.create_task(part(stop)) for part in (runner.read, runner.write)]
        yield
        stop.set()
        await asyncio.gather(*parts)
        await bus.stop()

    with Store.open(tmp_path) as store:
        recorder = Recorder(store, site, clocked=True)
        async with reading(recorder):
            await build.until(lambda: read_books(tmp_path).journal_rows > 10)
        away_us = clock.now_us()
        now_us -= 600 * STEP_US
        async with reading(recorder):
            await build.until(lambda: set_back(store))
        back_us = clock.now_us()
        recorder.close()
        news = set_back(store)[0]
    assert (news.equipment_id, news.state) == ("p1", "found")
    assert news.from_us <= away_us <= news.to_us <= back_us
    assert CLOCK_SET_BACK not in {gap.reason for gap in read_books(tmp_path).gaps}
