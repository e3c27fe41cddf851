"""Starting runs, and noticing those whose process is gone: they are failed, so that they are tried again.

Without it a run that was at work when the machine stopped would be at work for ever, and its tenant's queue with it.
"""

import json

import grpc
from dagster import DagsterRun, deserialize_value
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult


class WatchedRunLauncher(DefaultRunLauncher):
    """The library's launcher, which can tell whether a run is still at work."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: Dagster's daemon asks."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the server that started a run; a run that none started is made by a command, which ends its own."""
        server = run.tags.get(GRPC_INFO_TAG)
        if server is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        where = json.loads(server)
        client = DagsterGrpcClient(port=where.get("port"), socket=where.get("socket"), host=where["host"])
        try:
            told = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except DagsterUserCodeUnreachableError as error:
            if _is_gone(error):
                return CheckRunHealthResult(WorkerStatus.FAILED, "the server that made this run is gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its server is too busy to tell")
        if run.run_id in told.current_runs:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the process that made this run ended before it was done")


def _is_gone(error: DagsterUserCodeUnreachableError) -> bool:
    """Nobody listens there; an answer that takes long is no sign of that."""
    cause = error.__cause__
    return isinstance(cause, grpc.RpcError) and cause.code() is grpc.StatusCode.UNAVAILABLE  # pyright: ignore  untyped
