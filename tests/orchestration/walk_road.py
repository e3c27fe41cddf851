"""What a data engineer does in Dagster's pages, done by a machine on an installation with its webserver and daemon up.

A dozen runs in processes of their own, so `make walk` runs it and not `make test`; pictures of the pages go to
`test-results/pages`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from assets.databases import TenantDatabases
from cli.parts import dagster_parts
from core.run.part import Part
from core.tenancy import Tenancy
from lake.store import TenantLake
from lake.tables import bronze, gold
from orchestration.home import environment
from tests.browser import Browser, chromium, tab
from tests.installation import Installation
from tests.orchestration.conftest import MONDAY, readings, sink
from tests.orchestration.plants import plants
from tests.orchestration.webserver import Run, Webserver, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
A, B = "walk-a", "walk-b"
SUNDAY, NEXT = MONDAY + timedelta(days=6), MONDAY + timedelta(days=7)
KPI = "gold/kpi_daily"
TABLES = ["silver/signal_hourly", KPI]
FRESH = "is_published_lately"
_PID = re.compile(r"pid: (\d+)")


@dataclass
class Home:
    """Dagster's webserver and daemon on an installation of two tenants; the first has a day that the second has not."""

    installation: Installation
    lakes: dict[str, TenantLake]
    pages: Webserver

    def late(self, slug: str, day: date) -> Path:
        """A batch with one reading of a day; returns the file that its row is in."""
        before = self._files(slug)
        sink(self.lakes[slug], batch(slug, day))
        (new,) = self._files(slug) - before
        return new

    def twice(self, slug: str, day: date) -> None:
        """The row of a batch that came already, again: what a sink never does."""
        self.lakes[slug].append(bronze.READINGS, batch(slug, day).to_arrow())

    def _files(self, slug: str) -> set[Path]:
        table = self.lakes[slug].open(bronze.READINGS)
        return {Path(one.removeprefix("file://")) for one in table.file_uris()} if table else set()

    def told(self, slug: str) -> dict[str, str]:
        """What the administrators of a tenant were told and is not over, by cause."""

        async def read() -> dict[str, str]:
            found = self.installation
            async with await Tenancy.open(found.run, found.postgres, found.settings) as tenancy:
                scope = await tenancy.get(slug)
                async with tenancy.platform.transaction(scope.id, readonly=True) as transaction:
                    rows = await transaction.fetch(
                        "select cause, message from notifications where cause is not null and closed_at is null"
                    )
            return {row["cause"]: row["message"] for row in rows}

        return asyncio.run(read())

    def published(self, slug: str) -> list[tuple[object, ...]]:
        """What the tenant's database says of publications."""
        databases = TenantDatabases(run=str(self.installation.run.path))
        query = "select * from kpi.publication order by 1"
        return [tuple(row) for row in databases.work(slug, lambda database: database.fetch(query))]


def batch(slug: str, day: date) -> pl.DataFrame:
    """One reading of a day, in a batch that is the same for the same."""
    at = datetime(day.year, day.month, day.day, 10, 30, tzinfo=UTC)
    rows = readings(2, [("pump-1", "flow", at, 60.0)], datetime.now(UTC))
    return rows.with_columns(site=pl.lit(f"{slug}-plant"))


@pytest.fixture(scope="module")
def home(prepared: Installation) -> Iterator[Home]:
    lakes = asyncio.run(plants(prepared, [A, B]))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(prepared.run, prepared.postgres, prepared.settings).items():
            patch.setenv(name, value)
        parts = dagster_parts(prepared.run, prepared.settings)
        processes = [_started(prepared, part) for part in parts]
        try:
            found = Home(prepared, lakes, Webserver(f"http://127.0.0.1:{prepared.run.port('dagster-webserver')}"))
            found.late(A, NEXT)
            eventually(lambda: asyncio.run(_is_ready(parts[0])))
            yield found
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(60) for process in processes]
    assert codes == [0, 0]


async def _is_ready(part: Part) -> bool:
    return await part.ready()


def _started(prepared: Installation, part: Part) -> psutil.Popen:
    with (prepared.run.logs / f"{part.name}.log").open("wb") as log:
        return psutil.Popen(part.argv, env={**os.environ, **part.env}, stdout=log, stderr=log)


def cell(slug: str, day: date) -> str:
    return f"{day}|{slug}"


def done(home: Home, *backfills: str) -> list[Run]:
    """Runs of some backfills, once all have come to an end, those that were begun again with them."""

    def look() -> list[Run]:
        runs = home.pages.of_backfill(*backfills)
        last = {run.root: run for run in runs}
        begun = {run.tags["dagster/backfill"] for run in runs} == set(backfills)
        going = any(not run.is_done or run.tags.get("dagster/will_retry") == "true" for run in last.values())
        return runs if begun and not going else []

    return eventually(look)


def test_what_lies_in_bronze_is_built_and_then_nothing_is_done(home: Home) -> None:
    def built() -> bool:
        runs = home.pages.runs(**{"dagster/sensor_name": "bronze_watch"})
        assert "FAILURE" not in {run.status for run in runs}
        return {A, B} == {run.tags["tenant"] for run in runs} and all(run.is_done for run in runs)

    eventually(built)
    stats = home.pages.cells(KPI)["partitionStats"]
    assert (stats["numPartitions"], stats["numMaterialized"], stats["numFailed"]) == (16, 15, 0)
    before = home.pages.tick("bronze_watch")["timestamp"]
    tick = eventually(lambda: _later_tick(home, before))
    assert (tick["status"], tick["skipReason"]) == ("SKIPPED", "bronze has not grown")
    assert home.told(A) == home.told(B) == {}


def _later_tick(home: Home, than: float) -> dict[str, Any]:
    """The last look at bronze, once it is a later one and over."""
    tick = home.pages.tick("bronze_watch")
    return tick if tick["timestamp"] > than and tick["status"] != "STARTED" else {}


def test_backfills_of_two_tenants_run_one_by_one_and_one_that_was_killed_is_begun_again(home: Home) -> None:
    at = time.time()
    early, late = [MONDAY, MONDAY + timedelta(days=1)], [SUNDAY]
    backfills = [
        home.pages.backfill(TABLES, [cell(slug, day) for slug in (A, B) for day in days]) for days in (early, late)
    ]
    # A cell that is missing because the tenant has nothing of that day: built, it holds no row.
    backfills.append(home.pages.backfill([KPI], [cell(B, NEXT)]))

    def pid() -> str | None:
        for run in home.pages.of_backfill(backfills[0]):
            if run.tags.get("tenant") == A and (words := _PID.search(" ".join(home.pages.engine(run.id)))):
                return words[1]
        return None

    os.kill(int(str(eventually(pid))), signal.SIGKILL)
    runs = done(home, *backfills)
    assert all(run.tags["tenant"] in (A, B) and run.enqueued for run in runs)
    for slug in (A, B):
        own = sorted((run for run in runs if run.tags["tenant"] == slug), key=lambda run: run.started or 0)
        assert all((earlier.ended or 0) <= (later.started or 0) for earlier, later in pairwise(own))
    failed = [run for run in runs if run.status == "FAILURE"]
    assert [run.tags["tenant"] for run in failed] == [A]
    last = {run.root: run for run in runs}
    assert {run.status for run in last.values()} == {"SUCCESS"}
    assert len(runs) == len(last) + 1

    touched = {cell(slug, day) for slug in (A, B) for day in (*early, *late)} | {cell(B, NEXT)}
    found = home.pages.cells(KPI)
    new = {one["partition"] for one in found["assetMaterializations"] if float(one["timestamp"]) / 1000 > at}
    assert new == touched
    assert found["partitionStats"]["numMaterialized"] == found["partitionStats"]["numPartitions"] == 16
    assert home.lakes[B].scan(gold.KPI_DAILY, first=NEXT).collect().is_empty()


def test_executed_from_its_page_freshness_is_told_of_every_tenant(home: Home) -> None:
    run = home.pages.execute_checks(("kpi/kpi_daily", FRESH))
    eventually(lambda: home.pages.runs(run)[0].is_done)
    assert home.pages.runs(run)[0].status == "SUCCESS"
    assert home.pages.check("kpi/kpi_daily", FRESH, run)["status"] == "SUCCEEDED"


def test_what_goes_wrong_stops_what_comes_after_it_says_what_to_do_and_is_told(home: Home) -> None:
    published = home.published(A)
    assert published
    home.twice(A, NEXT)
    broken = home.late(B, SUNDAY)
    whole = broken.read_bytes()
    broken.write_bytes(b"no parquet")

    told = eventually(lambda: home.told(A))
    assert set(told) == {"check/bronze.readings"}
    assert "keys_are_unique: " in told["check/bronze.readings"] and "What to do: " in told["check/bronze.readings"]
    assert home.published(A) == published
    stopped = home.pages.runs(tenant=A)[-1]
    check = eventually(lambda: home.pages.check("bronze/readings", "keys_are_unique", stopped.id))
    assert check["status"] == "FAILED"
    assert "What to do: " in check["evaluation"]["description"]

    ((cause, message),) = eventually(lambda: home.told(B)).items()
    assert cause.startswith("run/")
    assert "What to do: open the run in Dagster" in message
    broken.write_bytes(whole)
    again = home.pages.again(cause.removeprefix("run/"))
    eventually(lambda: home.pages.runs(again)[0].is_done)
    assert home.pages.runs(again)[0].status == "SUCCESS"
    eventually(lambda: not home.told(B))


PAGES = {
    "graph": ("/asset-groups", ["bronze", "silver", "gold", "serving", "mart"]),
    "gold": ("/locations/goldlayer/asset-groups/gold/lineage", ["envelope_daily", "Delta Lake"]),
    "asset": (f"/assets/{KPI}", ["Key figures of each machine and day", "data-platform"]),
    "events": (f"/assets/{KPI}?view=events", ["null_rate", cell(B, NEXT)]),
    "partitions": (f"/assets/{KPI}?view=partitions", ["16 Partitions Selected", A, NEXT.isoformat()]),
    "check": (
        "/assets/bronze/readings?view=checks&checkDetail=keys_are_unique",
        ["no two rows with the same lane"],
    ),
    "freshness": (
        f"/assets/kpi/kpi_daily?view=checks&checkDetail={FRESH}",
        [FRESH, "published within a day"],
    ),
    "jobs": ("/jobs", ["build", "freshness", "optimize"]),
    "automation": ("/automation", ["bronze_watch", "freshness_hourly", "Standard sensor"]),
    "backfills": ("/runs?view=backfills", ["gold / kpi_daily", "Success"]),
    "runs": ("/runs", [f"tenant: {A}", f"tenant: {B}", "Failure", "Success"]),
}
"""By picture: the page, and what can be read on it."""


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on PATH")
@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_it_shows(home: Home, browser: Browser, name: str) -> None:
    path, words = PAGES[name]
    with tab(browser) as page:
        page.size(1600, 1000)
        page.go(home.pages.url + path)
        try:
            page.shows(*words)
            page.settle()
        finally:
            page.shot(f"walk-{name}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened
