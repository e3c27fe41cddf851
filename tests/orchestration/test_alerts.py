"""What goes wrong becomes a notice once, and is closed when it is good again: runs, checks, tables, sensors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from assets.notices import blocked, tell
from assets.partitions import range_tags
from assets.resources import LakeResource
from assets.retrying import retried
from assets.window import NOT_REBUILT
from core.errors import TerminalError, TransientError
from core.tenancy import Tenancy
from lake.store import TenantLake
from orchestration.alerts import NoticeBoard, Tended, looking
from orchestration.home import environment
from orchestration.trouble import StepError, attempt, of_run, of_tables
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, record
from tests.installation import Installation
from tests.orchestration.conftest import MONDAY
from tests.orchestration.plants import plants

pytestmark = pytest.mark.integration
A, B = "alerts-a", "alerts-b"
NOW = datetime.now(UTC)
WEEK = tuple(MONDAY + timedelta(days=n) for n in range(7))
DAYS = range_tags(A, WEEK[:3])
KPI = "gold.kpi_daily"


@dataclass
class Desk:
    """Two tenants, Dagster's own instance, and the board."""

    installation: Installation
    instance: dg.DagsterInstance
    lakes: dict[str, TenantLake]

    def look(self, now: datetime = NOW) -> tuple[int, int]:
        run = self.installation.run
        lake = LakeResource(root=run.lake_root(self.installation.settings))
        done = NoticeBoard(run=str(run.path)).tend(looking(self.instance, lake, NOW - timedelta(days=1), now))
        assert done.missed == 0
        return done.told, done.over

    def stands(self, slug: str) -> list[str]:
        """Causes that stand."""

        async def read() -> list[str]:
            found = self.installation
            async with await Tenancy.open(found.run, found.postgres, found.settings) as tenancy:
                return list(await tenancy.notices.standing(await tenancy.get(slug)))

        return asyncio.run(read())

    def run(self, error: Exception | None, **tags: str) -> str:
        """A run of the job `build` that ends so."""

        @dg.op
        def work() -> None:
            if error is not None:
                raise error

        @dg.job(name="build")
        def build() -> None:
            work()

        return build.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False).run_id


@pytest.fixture(scope="module")
def desk(prepared: Installation) -> Iterator[Desk]:
    lakes = asyncio.run(plants(prepared, [A, B]))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(prepared.run, prepared.postgres, prepared.settings).items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            yield Desk(prepared, instance, lakes)


def outcome(*, passed: bool) -> Outcome:
    return Outcome("keys_are_unique", passed, Severity.ERROR, "2 rows share a key", "one row a key")


def test_a_failed_run_is_told_once_and_closed_by_one_that_does_its_work(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    error = TerminalError("the bucket is gone", next_step="make it again")
    run_id = desk.run(error, **DAYS)
    desk.run(None, **range_tags(A, WEEK[:2]))
    desk.run(None, **range_tags(B, WEEK))
    assert [desk.look() for _ in range(3)] == [(1, 0), (0, 0), (0, 0)]
    assert (desk.stands(A), desk.stands(B)) == ([f"run/{run_id}"], [])
    desk.run(None, **range_tags(A, WEEK))
    assert [desk.look() for _ in range(2)] == [(0, 1), (0, 0)]
    assert desk.stands(A) == []
    said = "".join(capsys.readouterr())
    assert (said.count("notice is given"), said.count("notice is closed")) == (1, 1)


def test_a_failed_check_is_closed_once_every_day_of_it_passes(desk: Desk) -> None:
    lake, run = desk.lakes[A], str(desk.installation.run.path)
    record(lake, KPI, [outcome(passed=False)], Occasion(WEEK[:3], "r1", NOW - timedelta(hours=3)))
    for _ in range(2):
        tell(run, A, *blocked(KPI, "the week", [outcome(passed=False)]))
    record(lake, KPI, [outcome(passed=True)], Occasion(WEEK[1:], "r2", NOW - timedelta(hours=2)))
    assert (desk.look(), desk.stands(A)) == ((0, 0), [f"check/{KPI}"])
    record(lake, KPI, [outcome(passed=True)], Occasion(WEEK[:1], "r3", NOW - timedelta(hours=1)))
    assert (desk.look(), desk.stands(A)) == ((0, 1), [])


def test_a_table_that_is_not_built_becomes_stale_and_is_fresh_again(desk: Desk) -> None:
    later = NOW + timedelta(days=3)
    record(desk.lakes[A], KPI, [outcome(passed=True)], Occasion(WEEK[:1], "r3", NOW))
    assert desk.look(later) == (1, 0)
    assert (desk.stands(A), desk.stands(B)) == (["freshness"], [])
    record(desk.lakes[A], KPI, [outcome(passed=True)], Occasion(WEEK[:1], "r4", later))
    assert (desk.look(later), desk.stands(A)) == ((0, 1), [])


def test_a_table_stays_stale_however_long_it_is_not_built(desk: Desk) -> None:
    day = timedelta(days=1)
    record(desk.lakes[B], KPI, [outcome(passed=True)], Occasion(WEEK[:1], "r5", NOW))
    assert (desk.look(NOW + 3 * day), desk.stands(B)) == ((1, 0), ["freshness"])
    for slug, name in ((A, KPI), (B, "gold.health_daily")):
        record(desk.lakes[slug], name, [outcome(passed=True)], Occasion(WEEK[:1], "r6", NOW + 40 * day))
    assert (desk.look(NOW + 40 * day), desk.stands(B)) == ((0, 0), ["freshness"])
    record(desk.lakes[B], KPI, [outcome(passed=True)], Occasion(WEEK[:1], "r7", NOW + 40 * day))
    assert (desk.look(NOW + 40 * day), desk.stands(B)) == ((0, 1), [])


def test_a_tenant_that_could_not_be_looked_at_is_looked_at_from_before(desk: Desk) -> None:
    run = desk.installation.run
    lake = LakeResource(root=run.lake_root(desk.installation.settings))
    log = next(Path(desk.lakes[A].root).glob("ops/check_results/_delta_log"))
    broken = log.with_name("_delta_log_away")
    run_id = desk.run(TerminalError("the bucket is gone"), **DAYS)
    look = looking(desk.instance, lake, NOW - timedelta(days=1), NOW)
    log.rename(broken)
    log.write_text("no folder")
    try:
        done = NoticeBoard(run=str(run.path)).tend(look)
    finally:
        log.unlink()
        broken.rename(log)
    assert (done.missed, f"run/{run_id}" in desk.stands(A)) == (1, False)
    since, now = NOW - timedelta(minutes=1), NOW
    assert done.next_since(since, now) == since
    assert done.next_since(NOW - timedelta(days=9), now) == now - timedelta(days=1)
    assert Tended(0, 0, 0).next_since(since, now) == now
    desk.look()
    assert f"run/{run_id}" in desk.stands(A)
    desk.run(None, **DAYS)
    desk.look()


def test_a_stopped_sensor_concerns_everybody_until_it_is_switched_on(desk: Desk) -> None:
    code = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="nowhere"), location_name="here")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(code, "__repository__"), "bronze_watch")
    data = SensorInstigatorData(min_interval=30)
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED, data)
    desk.instance.add_instigator_state(state)
    assert [desk.look() for _ in range(2)] == [(2, 0), (0, 0)]
    assert (desk.stands(A), desk.stands(B)) == (["stopped/bronze_watch"],) * 2
    desk.instance.update_instigator_state(state.with_status(InstigatorStatus.RUNNING))
    assert (desk.look(), desk.stands(A)) == ((0, 2), [])


def test_a_message_says_what_to_do_and_no_more_than_is_theirs_to_know() -> None:
    failed = attempt(dg.DagsterRun("build", tags=DAYS))
    ours = StepError("gold__kpi_daily", "TerminalError", "the bucket is gone; next: make it again")
    foreign = StepError("gold__kpi_daily", "OperationalError", "password=secret at 10.0.0.1")
    told = of_run(failed, [ours, foreign], theirs=True)
    assert told is not None
    assert "2024-03-04 to 2024-03-06" in told.subject
    for text in ("next: make it again", "OperationalError", "What to do: open the run"):
        assert text in told.message
    assert "secret" not in told.message
    common = of_run(failed, [ours], theirs=False)
    assert common is not None and "bucket" not in common.message
    known = [
        StepError("x", "DagsterAssetCheckFailedError", ""),
        StepError("publish_x", "TerminalError", ""),
        StepError("x", "TerminalError", NOT_REBUILT),
    ]
    assert of_run(failed, known, theirs=True) is None
    stale = of_tables({f"t{n}": NOW - timedelta(days=n) for n in range(9)}, NOW, timedelta(days=2))
    assert stale is not None
    assert stale.subject == "6 of 9 tables are stale"
    assert "t3, t4, t5, t6, t7 and 1 more" in stale.message


def test_only_what_may_succeed_later_is_tried_again_within_the_run() -> None:
    tries: list[str] = []

    def job(error: type[Exception]) -> dg.ExecuteInProcessResult:
        @dg.op
        @retried
        def work() -> None:
            tries.append(error.__name__)
            if tries.count(error.__name__) == 1:
                raise error("the link is down")

        @dg.job
        def one() -> None:
            work()

        return one.execute_in_process(raise_on_error=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assets.retrying._WAIT_S", 0.0)
        assert job(TransientError).success
    assert not job(TerminalError).success
    assert tries == ["TransientError", "TransientError", "TerminalError"]
