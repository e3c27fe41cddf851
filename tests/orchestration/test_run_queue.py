"""The queue: every run is one tenant's, whoever asks for it and however Dagster cut the backfill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from assets.partitions import DAYS_TAG, RANGE_END, RANGE_START, TENANT_DAYS, TENANT_TAG, WHOLE_RANGE
from core.settings import DagsterSettings, Settings
from orchestration.home import environment
from orchestration.run_launcher import WatchedRunLauncher
from orchestration.run_queue import TenantQueue, split
from tests.installation import Installation

ABC = ["acme", "bright", "clear"]
PARTITION = "dagster/partition"
_CODE = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="nowhere"), location_name="goldlayer")
_ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(_CODE, "__repository__"), "probing")


@pytest.fixture
def instance(prepared: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The installation's own, which may do three runs at once."""
    settings: Settings = prepared.settings.model_copy(update={"dagster": DagsterSettings(concurrent_runs=3)})
    for name, value in environment(prepared.run, prepared.postgres, settings).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as found:
        yield found


def test_a_run_knows_its_tenant_whatever_its_partitions() -> None:
    assert split({TENANT_TAG: "acme", RANGE_START: "2024-01-01|acme"}, ABC) == [{TENANT_TAG: "acme"}]
    assert split({PARTITION: "2024-01-01|bright"}, ABC) == [{TENANT_TAG: "bright", DAYS_TAG: "2024-01-01"}]
    assert split({PARTITION: "clear"}, ABC) == [{TENANT_TAG: "clear"}]
    assert split({}, ABC) == [{}]
    year = {RANGE_START: "2024-01-01|clear", RANGE_END: "2024-12-31|clear"}
    assert split(year, ABC) == [{TENANT_TAG: "clear", DAYS_TAG: "2024-01-01 to 2024-12-31", **year}]


def test_a_run_over_a_day_of_several_tenants_becomes_one_each() -> None:
    day = {RANGE_START: "2024-01-01|acme", RANGE_END: "2024-01-01|bright"}
    assert split(day, ABC) == [
        {TENANT_TAG: slug, DAYS_TAG: "2024-01-01", **dict.fromkeys((RANGE_START, RANGE_END), f"2024-01-01|{slug}")}
        for slug in ("acme", "bright")
    ]


def test_a_backfill_from_the_ui_is_queued_tenant_by_tenant(instance: dg.DagsterInstance) -> None:
    @dg.asset(partitions_def=TENANT_DAYS, backfill_policy=WHOLE_RANGE)
    def probe() -> None: ...

    instance.add_dynamic_partitions("tenant", ABC)
    instance.add_dynamic_partitions("date", [f"2024-03-0{n}" for n in range(4, 10)])
    graph = dg.Definitions([probe]).resolve_asset_graph()
    assert isinstance(instance.run_coordinator, TenantQueue)

    class Workspace:
        asset_graph = graph

    def submit(**tags: str) -> dg.DagsterRun:
        run = create_run_for_test(instance, "probing", tags=tags, asset_graph=graph, remote_job_origin=_ORIGIN)
        context = SubmitRunContext(run, Workspace())  # pyright: ignore[reportArgumentType]  all that is asked of it
        instance.run_coordinator.submit_run(context)
        return instance.run_coordinator.submit_run(context)

    submit(**{"dagster/backfill": "b", RANGE_START: "2024-03-04|acme", RANGE_END: "2024-03-04|clear"})
    submit(**{"dagster/backfill": "b", RANGE_START: "2024-03-05|acme", RANGE_END: "2024-03-09|acme"})
    queued = list(reversed(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))))
    found = sorted((run.tags[TENANT_TAG], run.tags[RANGE_START], run.tags[RANGE_END]) for run in queued)
    assert found == [
        ("acme", "2024-03-04|acme", "2024-03-04|acme"),
        ("acme", "2024-03-05|acme", "2024-03-09|acme"),
        ("bright", "2024-03-04|bright", "2024-03-04|bright"),
        ("clear", "2024-03-04|clear", "2024-03-04|clear"),
    ]
    assert {run.tags["dagster/backfill"] for run in queued} == {"b"}
    first = due(instance)
    assert sorted(run.tags[TENANT_TAG] for run in first) == ABC
    assert all(run.tags[RANGE_START].startswith("2024-03-04") for run in first)
    for run in first:
        instance.report_run_canceled(run)
    assert [run.tags[RANGE_END] for run in due(instance)] == ["2024-03-09|acme"]


def due(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that Dagster's daemon would start now."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
    return daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)


def test_a_run_whose_server_is_gone_is_found_dead_and_one_of_a_command_is_left_alone(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert isinstance(instance.run_launcher, WatchedRunLauncher)
    assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 2)
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert instance.run_monitoring_enabled
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None and queue.max_user_code_failure_retries == 10
    server = json.dumps({"host": "localhost", "socket": str(tmp_path / "nobody")})
    health = {
        name: instance.run_launcher.check_run_worker_health(dg.DagsterRun("build", tags=tags))
        for name, tags in {"launched": {GRPC_INFO_TAG: server}, "command": {}}.items()
    }
    assert {name: one.status for name, one in health.items()} == {
        "launched": WorkerStatus.FAILED,
        "command": WorkerStatus.RUNNING,
    }
