"""Loading the definitions: at most two seconds above the bare imports, for few tenants and days as for many.

Each load is a process of its own, as of Dagster's code server: everything is imported, the assets, checks, jobs and
sensors are made, and the code location is described as the web server asks for it. The bare side imports the same
libraries and nothing of ours. It is done beside one tenant with thirty days in lake and register of partitions, and
beside a hundred with three years each.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from deltalake import Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from bench.claim import Claim
from lake.store import Lake
from lake.tables.bronze import READINGS

ABOVE_S, PAIRS = 2.0, 5
SIZES = ((1, 30), (100, 3 * 365))
_ROOT = Path(__file__).resolve().parent.parent
_FIRST = date(2022, 1, 1)
_OURS = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
from orchestration.definitions import defs
from dagster._core.remote_representation.external_data import RepositorySnap
RepositorySnap.from_def(defs().get_repository_def())
took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
print(json.dumps({**took, "modules": list(sys.modules)}))
"""
_BARE = """
import contextlib, importlib, json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
for name in json.load(sys.stdin):
    with contextlib.suppress(ImportError, AttributeError):
        importlib.import_module(name)
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "modules": []}))
"""


class Took(NamedTuple):
    """Wall and CPU seconds of a process, and what it imported."""

    wall: float
    cpu: float
    modules: list[str]


def _prepared(folder: Path, tenants: int, days: int) -> dict[str, str]:
    """The environment of an installation whose lake and whose register of partitions hold so many days of so many."""
    home, run = folder / "dagster", folder / "run"
    home.mkdir(parents=True)
    run.mkdir()
    slugs = [f"tenant-{n:03d}" for n in range(tenants)]
    for slug in slugs:
        held = [
            AddAction(f"date={day}/part-0.parquet", 1_000, {"date": str(day)}, 0, data_change=True, stats="{}")
            for day in (_FIRST + timedelta(days=n) for n in range(days))
        ]
        place = Lake(str(run / "lake")).tenant(slug).location(READINGS)
        Path(place).mkdir(parents=True)
        create_table_with_add_actions(place, Schema.from_arrow(READINGS.schema), held, partition_by=["date"])
    import dagster as dg

    from orchestration.bronze_watch import add_partitions

    with dg.DagsterInstance.local_temp(str(home)) as instance:
        add_partitions(instance, slugs, [_FIRST + timedelta(days=n) for n in range(days)])
    return {"GOLDLAYER_RUN": str(run), "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}


def _process(code: str, environment: dict[str, str], told: str = "") -> Took:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        env={**os.environ, **environment},
        input=told,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Took(**json.loads(done.stdout.splitlines()[-1]))


def _compare(tenants: int, days: int) -> Claim:
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    ours: list[Took] = []
    bare: list[Took] = []
    try:
        environment = _prepared(folder, tenants, days)
        # The first process finds its modules compiled afterwards; what it imported is what the bare side imports.
        own = {path.name for path in _ROOT.iterdir() if path.is_dir()} | {"__main__"}
        modules = _process(_OURS, environment).modules
        libraries = json.dumps([name for name in modules if name.partition(".")[0] not in own])
        for _ in range(PAIRS):
            ours.append(_process(_OURS, environment))
            bare.append(_process(_BARE, environment, libraries))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wall, bare_wall = (statistics.median(one.wall for one in rows) for rows in (ours, bare))
    cpu, bare_cpu = (statistics.median(one.cpu for one in rows) for rows in (ours, bare))
    above = wall - bare_wall
    print(
        f"loading beside {tenants} x {days} days: {wall:.2f} s, libraries alone {bare_wall:.2f} s; "
        f"CPU {cpu:.2f} s and {bare_cpu:.2f} s",
        flush=True,
    )
    name = f"definitions {tenants} x {days}"
    return Claim(name, "budget", round(above, 3), ABOVE_S, round(above / ABOVE_S, 4), 1.0, above <= ABOVE_S)


def claims() -> list[dict[str, object]]:
    """Seconds above the bare imports, at each size."""
    return [_compare(tenants, days).as_dict() for tenants, days in SIZES]
