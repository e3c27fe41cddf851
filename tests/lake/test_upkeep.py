"""Upkeep of tables: the same rows before and after, whoever reads and writes meanwhile, and files that go in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from lake.clustering import along_z, cluster, interleaved
from lake.exploring import explore
from lake.history import commits
from lake.rewriting import batches, files_of, storage, stored_schema
from lake.spec import TIME, Column, Layer, TableSpec
from lake.store import Lake, TenantLake, properties
from lake.tables import TABLES
from lake.upkeep import Optimized, optimize, vacuum

DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)
COLUMNS = (
    Column("equipment_id", pa.string(), "machine", nullable=False),
    Column("signal", pa.string(), "signal", nullable=False),
    Column("ts", TIME, "when", nullable=False),
    Column("value", pa.float64(), "value", unit="bar"),
    Column("date", pa.date32(), "the day", nullable=False),
)
KEYS = ("equipment_id", "signal", "ts")
BRONZE = TableSpec(Layer.BRONZE, "samples", "Samples.", "sample", COLUMNS, KEYS, "tests")
SILVER = TableSpec(Layer.SILVER, "samples", "Samples.", "sample", COLUMNS, KEYS, "tests")
WHOLE = TableSpec(Layer.GOLD, "whole", "Samples.", "sample", COLUMNS, KEYS, "tests", partition_by=())
NOW_MS = 1 << 60


def samples(count: int, day: date = DAY, first: int = 0) -> pa.Table:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [
        (f"pump-{n % 7}", f"signal-{n % 11}", start + timedelta(milliseconds=n), float(n), day)
        for n in range(first, first + count)
    ]
    return pl.DataFrame(rows, schema=pl.DataFrame(SILVER.schema.empty_table()).schema, orient="row").to_arrow()


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path), checkpoint_every=5).tenant("upkeep-works")


def values(lake: TenantLake, spec: TableSpec, version: int | None = None) -> list[float]:
    return lake.scan(spec, version=version).select("value").collect()["value"].sort().to_list()


def paths(lake: TenantLake, spec: TableSpec) -> list[str]:
    table = lake.open(spec)
    return [] if table is None else sorted(one["path"] for one in files_of(table))


def test_bits_are_taken_in_turn() -> None:
    curve = interleaved([np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])])
    assert np.argsort(curve).tolist() == [0, 1, 2, 3]
    grid = np.array([(x, y) for x in range(4) for y in range(4)])
    order = [tuple(grid[place]) for place in np.argsort(interleaved([grid[:, 0], grid[:, 1]]))]
    assert order[:4] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert order[4:8] == [(0, 2), (0, 3), (1, 2), (1, 3)]


def test_rows_come_to_stand_beside_those_that_are_like_them(lake: TenantLake) -> None:
    count = 150_000
    lake.replace_days(SILVER, samples(count), [DAY])
    before = lake.version(SILVER)
    assert cluster(lake, SILVER, before_ms=NOW_MS) == 1
    assert values(lake, SILVER) == values(lake, SILVER, before) == [float(n) for n in range(count)]
    assert lake.days_added_since(SILVER, before) == ((before or 0) + 1, [])
    (path,) = paths(lake, SILVER)
    file = pq.ParquetFile(f"{lake.location(SILVER)}/{path}")
    machine = file.schema_arrow.names.index("equipment_id")
    stats = [file.metadata.row_group(n).column(machine).statistics for n in range(file.num_row_groups)]
    assert len(stats) == 3
    assert all(one.min > "pump-0" or one.max < "pump-6" for one in stats)
    assert cluster(lake, SILVER, before_ms=NOW_MS) == 0


def test_what_is_fresh_or_small_is_left_alone(lake: TenantLake) -> None:
    lake.replace_days(SILVER, samples(100), [DAY])
    assert cluster(lake, SILVER, before_ms=NOW_MS) == 0
    lake.append(SILVER, samples(5, first=100))
    assert cluster(lake, SILVER, before_ms=int((time.time() - 3600) * 1000)) == 0
    assert cluster(lake, SILVER, before_ms=NOW_MS) == 2
    lake.append(SILVER, samples(5, first=105))
    assert cluster(lake, SILVER, before_ms=NOW_MS) == 2
    assert values(lake, SILVER) == [float(n) for n in range(110)]


def test_a_table_without_days_is_laid_as_well(lake: TenantLake) -> None:
    lake.append(WHOLE, samples(10))
    lake.append(WHOLE, samples(10, first=10))
    assert cluster(lake, WHOLE, before_ms=NOW_MS) == 2
    assert values(lake, WHOLE) == [float(n) for n in range(20)]


def test_a_day_is_read_in_pieces(lake: TenantLake) -> None:
    for part in range(3):
        lake.append(SILVER, samples(40, first=40 * part))
    read = list(batches(storage(lake, SILVER), paths(lake, SILVER), stored_schema(SILVER), 50))
    assert sum(one.num_rows for one in read) == 120
    assert max(one.num_rows for one in read) < 100
    assert along_z(read[0].slice(0, 1), KEYS).num_rows == 1


def test_rebuilds_and_appends_go_on_beside_upkeep(lake: TenantLake) -> None:
    done = Event()
    lake.append(SILVER, samples(4, NEXT))

    def look_after() -> None:
        while not done.is_set():
            list(optimize(lake, [SILVER, BRONZE], rest_s=-60))

    def rebuild() -> None:
        for turn in range(1, 7):
            lake.replace_days(SILVER, samples(4 * turn), [DAY])
            lake.append(SILVER, samples(1, NEXT, first=100 + turn))

    def arrive() -> None:
        for turn in range(25):
            lake.append(BRONZE, samples(2, first=2 * turn))

    def read() -> None:
        while not done.is_set():
            found = lake.scan(SILVER, first=DAY, last=DAY).select("value").collect()["value"].sort().to_list()
            assert found == [float(n) for n in range(len(found))]
            assert len(found) % 4 == 0

    with ThreadPoolExecutor(6) as pool:
        behind: list[Future[None]] = [pool.submit(look_after), pool.submit(look_after), pool.submit(read)]
        writers = [pool.submit(rebuild), pool.submit(arrive)]
        try:
            for one in writers:
                one.result()
        finally:
            done.set()
        for one in behind:
            one.result()
    assert values(lake, BRONZE) == [float(n) for n in range(50)]
    days = lake.scan(SILVER).group_by("date").len().sort("date").collect().rows()
    assert days == [(DAY, 24), (NEXT, 10)]
    assert any("rewritten as" in one.words for one in commits(lake, BRONZE, 200))


def test_a_file_goes_when_no_kept_version_has_it_and_not_before(
    lake: TenantLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, BRONZE.full_name, BRONZE)
    for part in range(9):
        lake.append(BRONZE, samples(2, first=2 * part))
    old = lake.version(BRONZE)
    orphan = Path(lake.location(BRONZE)) / f"date={DAY}" / "part-being-written.parquet"
    orphan.write_bytes(b"half a file")
    os.utime(orphan, (0, 0))
    (done,) = optimize(lake, [BRONZE, WHOLE], rest_s=0)
    assert done == Optimized(BRONZE.full_name, compacted=9)
    assert (done.words, done.idle) == ("9 files compacted", False)
    assert values(lake, BRONZE, old) == [float(n) for n in range(18)]
    (again,) = optimize(lake, [BRONZE], rest_s=0)
    assert (again.words, again.idle) == ("nothing to do", True)

    later = time.time() + (BRONZE.history_days + 1) * 86_400
    sooner = later - 2 * 86_400
    _tombstones_since(lake, BRONZE, time.time() - sooner)
    assert vacuum(lake, BRONZE) == 0
    _tombstones_since(lake, BRONZE, time.time() - later)
    assert vacuum(lake, BRONZE) == 9
    assert orphan.exists()
    assert values(lake, BRONZE) == [float(n) for n in range(18)]
    assert "9 files that no kept version needs removed" in [one.words for one in commits(lake, BRONZE, 3)]
    with pytest.raises(Exception, match="gone"):
        explore(lake, "select sum(value) as total from bronze.samples", version=old)


def _tombstones_since(lake: TenantLake, spec: TableSpec, seconds: float) -> None:
    """Move the moment the log says files were taken out, as if it were that long ago."""
    log = Path(lake.location(spec)) / "_delta_log"
    for entry in sorted(log.glob("*.json")):
        lines = entry.read_text().splitlines()
        if any('"remove"' in line for line in lines):
            moved = int((time.time() + seconds) * 1000)
            entry.write_text("\n".join(_moved(line, moved) for line in lines) + "\n")
    for checkpoint in [*log.glob("*.checkpoint*.parquet"), log / "_last_checkpoint"]:
        checkpoint.unlink(missing_ok=True)


def _moved(line: str, to: int) -> str:
    action = json.loads(line)
    if "remove" in action:
        action["remove"]["deletionTimestamp"] = to
    return json.dumps(action)


def test_tables_without_a_past_are_left_to_who_writes_them(lake: TenantLake) -> None:
    now_only = replace(SILVER, name="now_only", latest_only=True)
    for part in range(3):
        lake.append(now_only, samples(3, first=3 * part))
    assert list(optimize(lake, [now_only], rest_s=0)) == []
    assert set(properties(now_only).values()) == {"interval 0 days"}


def test_tables_say_how_long_their_versions_are_kept(lake: TenantLake) -> None:
    lake.append(SILVER, samples(1))
    table = DeltaTable(lake.location(SILVER))
    assert table.metadata().configuration.items() >= properties(SILVER).items()
    table.alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 1 days"})
    assert vacuum(lake, SILVER) == 0
    assert DeltaTable(lake.location(SILVER)).metadata().configuration.items() >= properties(SILVER).items()


def test_a_table_that_fails_is_in_nobody_s_way(lake: TenantLake) -> None:
    lake.append(SILVER, samples(3))
    lake.append(BRONZE, samples(3))
    for part in range(3):
        lake.append(SILVER, samples(3, first=3 * part))
    for path in paths(lake, BRONZE):
        assert path
    (Path(lake.location(BRONZE)) / "_delta_log" / f"{0:020d}.json").write_text("no log")
    failed, done = optimize(lake, [BRONZE, SILVER], rest_s=0)
    assert failed.error is not None and "cannot be opened" in failed.words
    assert done.clustered == 4


def test_a_command_that_lists_files_does_not_wait_for_pandas(tmp_path: Path) -> None:
    program = (
        "import sys; from lake.rewriting import files_of; from deltalake import DeltaTable\n"
        f"print(len(files_of(DeltaTable({str(tmp_path)!r}))), 'pandas' in sys.modules)"
    )
    write_deltalake(str(tmp_path), pa.table({"step": [1]}))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
