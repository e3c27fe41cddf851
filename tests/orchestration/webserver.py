"""Dagster's webserver as its own pages use it: GraphQL, and waiting for what the daemon does."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Found = TypeVar("Found")
_PLACE = {"repositoryName": "__repository__", "repositoryLocationName": "goldlayer"}
_LAUNCHED = "__typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }"
BACKFILL = """mutation ($given: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $given) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
EXECUTE = (
    f"mutation ($given: ExecutionParams!) {{ launchPipelineExecution(executionParams: $given) {{ {_LAUNCHED} }} }}"
)
AGAIN = f"mutation ($given: ReexecutionParams!) {{ launchRunReexecution(reexecutionParams: $given) {{ {_LAUNCHED} }} }}"
RUNS = """query ($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
    runId rootRunId status startTime endTime tags { key value }
    stats { ... on RunStatsSnapshot { enqueuedTime } } } } } }"""
ENGINE = """query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
    __typename ... on MessageEvent { message } } } } }"""
CELLS = """query ($assets: [AssetKeyInput!]!) { assetNodes(assetKeys: $assets) {
    partitionStats { numPartitions numMaterialized numFailed }
    assetMaterializations { partition timestamp runId } } }"""
CHECKS = """query ($asset: AssetKeyInput!, $check: String!) {
    assetCheckExecutions(assetKey: $asset, checkName: $check, limit: 20) {
    status runId evaluation { severity description } } }"""
TICKS = """query ($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState {
    ticks(limit: 1) { status skipReason timestamp } } } } }"""


@dataclass(frozen=True)
class Run:
    """A run as the pages list it; times in seconds, None if it has not come to that."""

    id: str
    root: str
    status: str
    tags: Mapping[str, str]
    enqueued: float | None
    started: float | None
    ended: float | None

    @property
    def is_done(self) -> bool:
        return self.status in ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True)
class Webserver:
    """Dagster's webserver at an address."""

    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        """The one field that a query asks for."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as refused:  # its body says why
            answer = json.load(refused)
        assert "errors" not in answer, answer["errors"]
        (found,) = answer["data"].values()
        return found

    def backfill(self, assets: Sequence[str], cells: Sequence[str]) -> str:
        """What "Materialize" asks for over some partitions; returns the id of the backfill."""
        told = self.ask(BACKFILL, given={"assetSelection": keys(assets), "partitionNames": list(cells)})
        assert told["__typename"] == "LaunchBackfillSuccess", told
        return told["backfillId"]

    def execute_checks(self, *checks: tuple[str, str]) -> str:
        """What "Execute" asks for on a check's page; returns the id of the run."""
        chosen = [{"assetKey": {"path": asset.split("/")}, "name": name} for asset, name in checks]
        selector = {**_PLACE, "pipelineName": "__ASSET_JOB", "assetSelection": [], "assetCheckSelection": chosen}
        told = self.ask(EXECUTE, given={"selector": selector, "mode": "default", "runConfigData": {}})
        assert told["__typename"] == "LaunchRunSuccess", told
        return told["run"]["runId"]

    def again(self, run: str) -> str:
        """What "Re-execute from failure" asks for; returns the id of the new run."""
        told = self.ask(AGAIN, given={"parentRunId": run, "strategy": "FROM_FAILURE"})
        assert told["__typename"] == "LaunchRunSuccess", told
        return told["run"]["runId"]

    def runs(self, *ids: str, **tags: str) -> list[Run]:
        """Runs with these ids or tags, the oldest first."""
        wanted = {"runIds": list(ids)} if ids else {"tags": [{"key": key, "value": tags[key]} for key in tags]}
        return [_run(one) for one in reversed(self.ask(RUNS, filter=wanted)["results"])]

    def of_backfill(self, *backfills: str) -> list[Run]:
        """Runs of some backfills, the oldest first."""
        return [run for one in backfills for run in self.runs(**{"dagster/backfill": one})]

    def engine(self, run: str) -> list[str]:
        """What Dagster itself said of a run."""
        events = self.ask(ENGINE, run=run)["events"]
        return [one["message"] for one in events if one["__typename"] == "EngineEvent"]

    def cells(self, asset: str) -> dict[str, Any]:
        """How many partitions of an asset are what, and what was materialised of it."""
        (found,) = self.ask(CELLS, assets=keys([asset]))
        return found

    def check(self, asset: str, name: str, of: str) -> dict[str, Any]:
        """The execution of a check in a run, once it is over; empty before."""
        (path,) = keys([asset])
        found = [one for one in self.ask(CHECKS, asset=path, check=name) if one["runId"] == of]
        return found[0] if found and found[0]["status"] != "IN_PROGRESS" else {}

    def tick(self, sensor: str) -> dict[str, Any]:
        """The last tick of a sensor; empty if there is none."""
        found = self.ask(TICKS, selector={**_PLACE, "sensorName": sensor})["sensorState"]["ticks"]
        return found[0] if found else {}


def keys(assets: Sequence[str]) -> list[dict[str, list[str]]]:
    """Assets as GraphQL has them."""
    return [{"path": one.split("/")} for one in assets]


def eventually(look: Callable[[], Found], within_s: float = 540) -> Found:
    """The first answer that is not empty."""
    end = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(1)
    return found


def _run(one: Mapping[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in one["tags"]}
    times = one["stats"].get("enqueuedTime"), one["startTime"], one["endTime"]
    return Run(one["runId"], one["rootRunId"] or one["runId"], one["status"], tags, *times)
