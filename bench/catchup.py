"""A day of backlog, 1,000 tags at 1 Hz, drained within ten minutes; what is live is in bronze within five seconds.

By default the twentieth part of a day runs, and its rate says how long a whole day would take; with
`GOLDLAYER_BENCH_DAY=1` a whole day runs. Uplink, gateway and sink are the product's own, each in its process on this
machine, beside the log; the outbox is filled before the clock starts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from bench.claim import Claim
from bench.logs import addresses
from bench.road import TAGS, TENANT, Place, cpu_seconds, fill, new_place, progress, running
from core.errors import TerminalError
from core.log import configure
from lake.tables.bronze import READINGS

DAY_S, WITHIN_S, LIVE_WITHIN_S = 86_400, 600.0, 5.0
_FIRST_US = 1_767_225_600_000_000


def _drain(place: Place, rows: int) -> tuple[float, dict[str, float]]:
    """Let the road run until the last row of the backlog is committed.

    The first commit of backlog starts the clock: what stands before it is the start of three processes.

    Returns:
        Seconds a million readings, and CPU seconds a million of each process, the start left out of both.
    """
    give_up = time.monotonic() + 10 * WITHIN_S
    used: dict[str, float] = {}
    with running(place) as processes:
        while time.monotonic() < give_up:
            made = [one for one in progress(place) if one.backlog_rows]
            used = used or (cpu_seconds(processes) if made else {})
            if made and made[-1].backlog_rows >= rows:
                began, ended = made[0], next(one for one in made if one.backlog_rows >= rows)
                drained = max(rows - began.backlog_rows, 1) / 1e6
                spent = cpu_seconds(processes)
                return (ended.at - began.at) / drained, {n: (spent[n] - used[n]) / drained for n in spent}
            time.sleep(1.0)
    raise TerminalError("the backlog does not drain", received=place.lake.tenant(TENANT).count(READINGS))


def _held(place: Place) -> tuple[int, int]:
    """Rows of backlog in bronze, and how many of them are others; a whole day does not fit into memory row by row."""
    rows = place.lake.tenant(TENANT).scan(READINGS).filter(pl.col("lane").str.ends_with("readings-backlog"))
    each = rows.group_by("seq").agg(pl.len().alias("rows"), pl.col("row_no").n_unique().alias("others"))
    found = each.select(pl.col("rows", "others").sum()).collect(engine="streaming")
    return found.item(0, 0), found.item(0, 1)


def _live_ages(place: Place) -> list[float]:
    """Seconds from the reading of each live batch to the commit that holds it, while backlog drains."""
    made = progress(place)
    began = next(one.at for one in made if one.backlog_rows)
    rows = place.lake.tenant(TENANT).scan(READINGS).filter(pl.col("lane").str.ends_with("readings-live"))
    read = rows.group_by("seq").agg(pl.col("ts").min()).collect()
    return [
        next(one.at for one in made if one.live_seq >= seq) - ts.timestamp()
        for seq, ts in read.iter_rows()
        if ts.timestamp() >= began
    ]


def _compare(kind: str, address: str, folder: Path, batches: int) -> list[Claim]:
    place = new_place(kind, address, folder / kind)
    fill(place.folder / "home", [_FIRST_US + n * 1_000_000 for n in range(batches)], live=False)
    each, used = _drain(place, batches * TAGS)
    held, distinct = _held(place)
    if not held == distinct == batches * TAGS:
        raise TerminalError("backlog is not in bronze once", expected=str(batches * TAGS), received=(held, distinct))
    ages = _live_ages(place)
    age = float(np.percentile(ages, 99)) if ages else 0.0
    day = each * DAY_S * TAGS / 1e6
    print(
        f"catchup {kind}: {batches * TAGS:,} readings at {1e6 / each:,.0f}/s, a whole day in {day:.0f} s; "
        f"{len(ages)} live batches, p50 {np.median(ages) if ages else 0:.1f} s, p99 {age:.1f} s; CPU seconds a million "
        f"readings: {', '.join(f'{name} {spent:.1f}' for name, spent in used.items())}",
        flush=True,
    )
    return [
        Claim(f"catchup {kind}", "budget", round(day, 1), WITHIN_S, round(day / WITHIN_S, 4), 1.0, day <= WITHIN_S),
        Claim(
            f"catchup live {kind}",
            "budget",
            round(age, 2),
            LIVE_WITHIN_S,
            round(age / LIVE_WITHIN_S, 4),
            1.0,
            age <= LIVE_WITHIN_S,
        ),
    ]


def claims() -> list[dict[str, object]]:
    """Seconds for a day of backlog, and the age of what is live meanwhile, on each log."""
    configure("error")
    batches = int(DAY_S * float(os.environ.get("GOLDLAYER_BENCH_DAY", "0.05")))
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    try:
        with addresses(folder) as logs:
            found = [claim for kind, address in logs for claim in _compare(kind, address, folder, batches)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [claim.as_dict() for claim in found]
