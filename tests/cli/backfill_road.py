"""`platform lake backfill` over several tenants in processes at once: killed, resumed, each day built once.

Six processes load Dagster for it, so `make backfill` runs it and not `make test`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import dagster as dg
import pytest

from cli.main import main
from lake.tables import silver
from orchestration.backfill import BACKFILL_TAG
from orchestration.home import environment
from tests.installation import Installation
from tests.orchestration.conftest import MONDAY
from tests.orchestration.plants import plants

pytestmark = pytest.mark.integration
SLUGS = ["backfill-a", "backfill-b"]


def words(prepared: Installation, *more: str) -> list[str]:
    """The command over the first three days of both tenants, a day a run."""
    days = ("--from", MONDAY.isoformat(), "--to", MONDAY.replace(day=MONDAY.day + 2).isoformat(), "--days-per-run", "1")
    tenants = [word for slug in SLUGS for word in ("--tenant", slug)]
    return ["lake", "backfill", *days, *tenants, "--tables", "silver.readings", "--run", str(prepared.run.path), *more]


def test_several_tenants_at_once_killed_and_resumed_build_every_day_once(
    prepared: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lakes = asyncio.run(plants(prepared, SLUGS))
    for name, value in environment(prepared.run, prepared.postgres, prepared.settings).items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-P", "-m", "cli.main", *words(prepared, "--parallel", "2")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    while "built" not in said:
        said = process.stderr.readline()
        assert said or process.poll() is None, "it ended before it built anything"
    process.kill()
    # Its processes die with it: nothing holds the pipe any more.
    process.stderr.read()
    process.wait()

    capsys.readouterr()
    assert main(words(prepared, "--parallel", "1", "--json")) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["complete"] and done["before"] >= 1
    assert done["before"] + done["built"] == 6
    for lake in lakes.values():
        assert lake.days(silver.READINGS) == [MONDAY.replace(day=MONDAY.day + n) for n in range(3)]
    with dg.DagsterInstance.get() as instance:
        runs = [run for run in instance.get_runs() if BACKFILL_TAG in run.tags]
    succeeded = [(run.tags["tenant"], run.tags["days"]) for run in runs if run.status is dg.DagsterRunStatus.SUCCESS]
    assert len(succeeded) == len(set(succeeded)) == 6
    assert {run.status for run in runs} <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
    assert main([*words(prepared), "--tenant", "nobody"]) == 1
    assert "no such tenant" in "".join(capsys.readouterr())
