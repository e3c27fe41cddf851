"""A backfill builds each missing day once, however often it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from core.errors import InputError, NotFoundError, TerminalError
from core.run.locks import FileLock
from lake.store import Lake
from lake.tables import silver
from orchestration.backfill import BACKFILL_TAG, Backfill, Piece, Request, Result, keys_of, pieces
from orchestration.bronze_watch import Rebuild
from orchestration.materialize import builder
from orchestration.sensors import JOB
from tests.orchestration.conftest import MONDAY, Plant, sink, week

MONTH = Request(MONDAY, MONDAY + timedelta(days=30), ("waterworks",), ("silver.readings",))


class Site:
    """A plant whose week is built again in runs of two days."""

    def __init__(self, plant: Plant, locks: Path) -> None:
        self.plant = plant
        self.locks = locks
        self.graph = plant.definitions.resolve_asset_graph()

    def open(self) -> Backfill:
        return Backfill(self.plant.instance, MONTH, self.locks, per_run=2)

    def work(self, tell: Callable[[Piece], None] = lambda _: None) -> Result:
        build = builder(self.plant.instance, self.plant.definitions)
        return self._run(build, tell)

    def fail(self) -> Result:
        def build(rebuild: Rebuild, tags: dict[str, str]) -> None:
            raise TerminalError("a run failed", where=f"{rebuild.days[0]} {tags[BACKFILL_TAG]}")

        return self._run(build, lambda _: None)

    def _run(self, build: Callable[[Rebuild, dict[str, str]], object], tell: Callable[[Piece], None]) -> Result:
        keys = keys_of(self.graph, MONTH.tables)
        opened = self.open()
        result = opened.work("waterworks", self.plant.lake, build, keys, tell)
        if result.whole:
            opened.close()
        return result


@pytest.fixture
def site(plant: Plant, tmp_path: Path) -> Site:
    return Site(plant, tmp_path / "locks")


def test_days_are_cut_into_runs_without_those_that_are_done() -> None:
    days = [MONDAY + timedelta(days=n) for n in (0, 1, 2, 3, 4, 9)]
    found = pieces("acme", days, [days[1]], 2)
    assert found == [
        Piece("acme", (days[0], days[0])),
        Piece("acme", (days[2], days[3])),
        Piece("acme", (days[4], days[4])),
        Piece("acme", (days[5], days[5])),
    ]
    assert pieces("acme", days, days, 2) == []


@pytest.mark.long
def test_interrupted_and_resumed_only_missing_days_run(site: Site) -> None:
    built: list[date] = []

    def interrupted(piece: Piece) -> None:
        built.append(piece.days[0])
        if len(built) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.work(interrupted)
    assert site.plant.lake.days(silver.READINGS) == [site.plant.day(n) for n in range(4)]
    killed = site.open()
    tags = {BACKFILL_TAG: killed.id, "tenant": "waterworks"}
    job = site.plant.definitions.resolve_job_def(JOB)
    run = site.plant.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)

    done = site.work()
    assert (done.before, done.built, done.whole) == (4, 3, True)
    left = site.plant.instance.get_run_by_id(run.run_id)
    assert left is not None and left.status is dg.DagsterRunStatus.FAILURE
    succeeded = [day for day, status in _ranges(site) if status is dg.DagsterRunStatus.SUCCESS]
    assert succeeded == [site.plant.day(n).isoformat() for n in (0, 2, 4, 6)]
    assert site.plant.rows(silver.READINGS).height == 7 * 24 * 2 * 2

    again = site.open()
    assert not again.resumed and again.id != killed.id
    assert again.done("waterworks") == set()


@pytest.mark.long
def test_interrupted_among_several_tenants_those_that_are_done_stay_done(site: Site) -> None:
    order = Request(MONDAY, MONDAY + timedelta(days=30), ("gasworks", "waterworks"), ("silver.readings",))
    lakes = {"gasworks": Lake(site.plant.lake_resource.root).tenant("gasworks"), "waterworks": site.plant.lake}
    sink(lakes["gasworks"], week())
    build, keys = builder(site.plant.instance, site.plant.definitions), keys_of(site.graph, order.tables)
    found: dict[str, list[Piece]] = {slug: [] for slug in lakes}

    def attempt(most: int) -> Result:
        backfill, result = Backfill(site.plant.instance, order, site.locks, per_run=4), Result()

        def tell(piece: Piece) -> None:
            found[piece.tenant].append(piece)
            if sum(map(len, found.values())) == most:
                raise KeyboardInterrupt

        for slug, lake in lakes.items():
            result.add(backfill.work(slug, lake, build, keys, tell))
        return result

    with pytest.raises(KeyboardInterrupt):
        attempt(most=3)
    assert [len(of) for of in found.values()] == [2, 1]
    done = attempt(most=9)
    assert (done.before, done.built, done.whole) == (11, 3, True)
    assert [len(of) for of in found.values()] == [2, 2]
    assert all(lake.days(silver.READINGS) == [site.plant.day(n) for n in range(7)] for lake in lakes.values())


def _ranges(site: Site) -> list[tuple[str, dg.DagsterRunStatus]]:
    tag = "dagster/asset_partition_range_start"
    runs = reversed(list(site.plant.instance.get_runs()))
    return [(run.tags[tag][:10], run.status) for run in runs if tag in run.tags]


def test_a_tenant_that_fails_and_one_that_is_taken_leave_the_backfill_open(site: Site) -> None:
    failed = site.fail()
    assert "a run failed" in failed.failed["waterworks"]
    assert not failed.whole and site.open().resumed
    lock = FileLock(site.locks / "waterworks.lock")
    assert lock.acquire(wait=False)
    taken = site.work()
    lock.release()
    assert (taken.elsewhere, taken.built, taken.whole) == (("waterworks",), 0, False)
    assert site.plant.lake.version(silver.READINGS) is None


def test_tables_are_assets_with_what_one_step_writes(site: Site) -> None:
    assert keys_of(site.graph, ["gold.kpi_daily"]) == (("gold", "kpi_daily"),)
    assert ("silver", "quarantine") in keys_of(site.graph, ["silver.readings"])
    assert len(keys_of(site.graph, [])) > 5
    with pytest.raises(InputError, match="not a table that is built"):
        keys_of(site.graph, ["bronze.readings"])
    with pytest.raises(NotFoundError):
        keys_of(site.graph, ["gold.nothing"])


def test_a_range_runs_forward() -> None:
    with pytest.raises(InputError, match="before the first"):
        Request(MONDAY, MONDAY - timedelta(days=1))
    assert MONTH.key == Request(MONTH.first, MONTH.last, ("waterworks",), ("silver.readings",)).key
    assert Request(MONTH.first, MONTH.last, ("a", "b")).key == Request(MONTH.first, MONTH.last, ("b", "a")).key
    assert MONTH.key != Request(MONTH.first, MONTH.last).key
