"""Several writers: welcome where one of them wins, refused where two would, on whichever machine they are."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pytest

from core.db import TenantScope
from core.errors import TerminalError
from core.vault import Secret
from lake.compaction import compact
from lake.moving import LakeTables
from lake.spec import Layer
from lake.storage import Storage, storage_of
from lake.store import Lake
from lake.tables import ops
from lake.tables.bronze import READINGS
from lake.turns import ProvenTurns, remember, remembered
from tests.lake.s3_server import KEY, S3, running

if TYPE_CHECKING:
    from tests.installation import Installation

_AT = datetime(2024, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(params=[True, False], ids=["atomic", "racy"])
def s3(request: pytest.FixtureRequest) -> Iterator[S3]:
    with running(atomic=request.param) as endpoint:
        yield endpoint


@pytest.fixture
def process(installation: Installation, s3: S3, tmp_path: Path) -> Callable[[str], Lake]:
    """A lake as another process, on another machine, opens it."""
    storage = storage_of("s3://lake/root", s3.options, {"aws_secret_access_key": Secret(KEY)})

    def opened(name: str) -> Lake:
        turns = ProvenTurns(storage, tmp_path / name, lambda: installation.postgres.dsn("postgres"))
        return Lake(storage.root, storage.revealed(), turns=turns)

    return opened


def readings(value: float) -> pa.Table:
    rows = dict.fromkeys(READINGS.schema.names) | {"site": "north", "equipment_id": "pump", "signal": "flow"}
    rows |= {"ts": _AT, "value": value, "quality": 0, "date": _AT.date()}
    filled = {
        field.name: rows[field.name] if field.nullable or rows[field.name] is not None else _plain(field)
        for field in READINGS.schema
    }
    return pa.Table.from_pylist([filled], schema=READINGS.schema)


def _plain(field: pa.Field) -> object:
    kind = field.type
    return _AT if pa.types.is_timestamp(kind) else 0 if pa.types.is_integer(kind) else "x"


def test_a_second_writer_of_bronze_is_welcome_or_refused(process, s3):
    first, second, builder = process("a"), process("b"), process("c")
    first.turns.sit(Layer.BRONZE)
    first.tenant("acme-works").append(READINGS, readings(1))
    if s3.atomic:
        second.turns.sit(Layer.BRONZE)
        second.tenant("acme-works").append(READINGS, readings(2))
    else:
        with pytest.raises(TerminalError, match="several writers are refused"):
            second.turns.sit(Layer.BRONZE)
        with pytest.raises(TerminalError, match="one process that writes bronze"):
            second.tenant("acme-works").append(READINGS, readings(2))
    builder.turns.sit(Layer.GOLD)  # beside the sink, on any store
    assert second.tenant("acme-works").count(READINGS) == (2 if s3.atomic else 1)


def test_threads_of_one_process_lose_nothing_on_any_store(process):
    lake = process("a").tenant("acme-works")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: lake.append(READINGS, readings(n)), range(12)))
    assert lake.count(READINGS) == 12
    assert compact(lake, READINGS, at_least=4) == 12
    assert lake.count(READINGS) == 12


def test_a_rewrite_gives_way_to_what_came_meanwhile(process):
    lake = process("a").tenant("acme-works")
    for n in range(4):
        lake.append(READINGS, readings(n))
    planned = lake.open(READINGS)
    lake.append(READINGS, readings(9))
    from lake.rewriting import files_of, storage, stored_schema, swap

    assert planned is not None
    import pyarrow.parquet as pq

    files, gone = storage(lake, READINGS), files_of(planned)
    path = f"date={_AT.date()}/part-planned.parquet"
    rows = pa.concat_tables([pq.ParquetFile(files.open_input_file(one["path"])).read() for one in gone])
    with files.open_output_stream(path) as stream:
        pq.write_table(rows.select(stored_schema(READINGS).names), stream)
    swap(planned, lake, READINGS, gone, {path: rows.num_rows}, what="compact")
    assert sorted(lake.scan(READINGS).collect()["value"].to_list()) == [0.0, 1.0, 2.0, 3.0, 9.0]


def test_a_seat_is_free_again_when_its_process_has_gone(process, s3):
    first, second = process("a"), process("b")
    first.turns.sit(Layer.BRONZE)
    seats = first.turns._seats  # pyright: ignore[reportPrivateUsage]
    assert set(seats) == (set() if s3.atomic else {"bronze"})
    for seat in seats.values():
        seat.leave()
    second.turns.sit(Layer.BRONZE)


SITS = """
import sys
from pathlib import Path
from core.vault import Secret
from lake.spec import Layer
from lake.storage import storage_of
from lake.turns import ProvenTurns
options, key, proof, dsn, layer = eval(sys.stdin.readline())
storage = storage_of("s3://lake/root", options, {"aws_secret_access_key": Secret(key)})
turns = ProvenTurns(storage, Path(proof), lambda: dsn)
turns.sit(Layer(layer))
print("sits", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(s3: S3, proof: Path, dsn: str, layer: Layer) -> Generator[None]:
    """One that may write a layer, until the end of the block."""
    given = repr((dict(s3.options), KEY, str(proof), dsn, layer.value)) + "\n"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SITS], cwd=Path(__file__).parents[2], text=True, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given)
        process.stdin.flush()
        assert "sits\n" in process.stdout
        yield
        process.stdin.close()


@pytest.mark.parametrize("layer", [Layer.BRONZE, Layer.SILVER], ids=["a sink", "a build"])
async def test_an_import_beside_another_writer_is_welcome_or_refused_before_it_writes(
    process, installation, s3, tmp_path, layer
):
    scope, source = TenantScope(uuid4(), "acme-works", "Acme"), tmp_path / "export"
    source.mkdir()
    (source / "note").write_bytes(bytes(range(256)) * 12_000)
    storage = storage_of("s3://lake/root", s3.options, {"aws_secret_access_key": Secret(KEY)})
    for name in ("importer", "other", "late"):
        remember(tmp_path / name, storage, proven=s3.atomic)
    importer = process("importer")
    tables = LakeTables(importer)
    with another_process(s3, tmp_path / "other", installation.postgres.dsn("postgres"), layer):
        if s3.atomic:
            assert await tables.remains(scope) is None
        else:
            with pytest.raises(TerminalError, match="several writers are refused"):
                await tables.remains(scope)
    assert await tables.remains(scope) is None
    assert (await tables.restore(scope, source))["files beside tables"].rows == 1
    assert await tables.remains(scope) is not None
    # Whoever comes while it writes is refused in turn.
    late = process("late")
    if not s3.atomic:
        with pytest.raises(TerminalError, match="several writers are refused"):
            late.turns.sit(layer)
    for seat in importer.turns._seats.values():  # pyright: ignore[reportPrivateUsage]
        seat.leave()


def _age(proof: Path) -> None:
    proof.write_text(json.dumps(json.loads(proof.read_text()) | {"at": 0.0}))


def test_what_was_raced_is_remembered_for_that_store_alone(tmp_path):
    proof, here, there = tmp_path / "proof", Storage("s3://a"), Storage("s3://b")
    assert remembered(proof, here) is None
    remember(proof, here, proven=True)
    assert (remembered(proof, here), remembered(proof, there)) == (True, None)
    remember(proof, here, proven=False)
    assert remembered(proof, here) is False
    _age(proof)
    assert remembered(proof, here) is False  # until the doctor finds otherwise
    remember(proof, here, proven=True)
    _age(proof)
    assert remembered(proof, here) is None
    proof.write_text("{")
    assert remembered(proof, here) is None


def test_a_folder_the_doctor_found_wanting_takes_one_writer(installation, tmp_path):
    storage = Storage(str(tmp_path / "lake"))
    remember(tmp_path / "proof", storage, proven=False)
    one, two = (
        ProvenTurns(storage, tmp_path / "proof", lambda: installation.postgres.dsn("postgres")) for _ in range(2)
    )
    one.sit(Layer.GOLD)
    two.sit(Layer.BRONZE)
    with pytest.raises(TerminalError, match="what is built"):
        two.sit(Layer.SILVER)
    assert threading.active_count() > 1
    assert ops.BOOKS.layer is not Layer.BRONZE


def test_two_threads_that_are_the_first_at_a_table_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is being made while another thread asks for it."""
    made, storage = threading.RLock, storage_of(str(tmp_path), {}, {})
    both = threading.Barrier(2)

    def slowly() -> Any:
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
        return made()

    monkeypatch.setattr(threading, "RLock", slowly)
    turns = ProvenTurns(storage, tmp_path / "proof", lambda: "")
    monkeypatch.undo()
    remember(tmp_path / "proof", storage, proven=False)
    monkeypatch.setattr(turns, "sit", lambda _: None)
    inside: list[int] = []
    most: list[int] = []

    def commit() -> None:
        with turns.of("table", Layer.SILVER):
            inside.append(1)
            with suppress(threading.BrokenBarrierError):
                meeting.wait(0.3)
            most.append(len(inside))
            inside.pop()

    meeting = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(commit) for _ in range(2)]:
            done.result()
    assert most == [1, 1]
