"""How large a stream becomes, told before it is decompressed, against what Arrow makes of it."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from core.contracts.batch import MOST_EXPANDED_BYTES, MalformedBatchError, encode_block, pack, unpack
from core.contracts.expansion import expanded_bytes
from core.contracts.reading import READING_SCHEMA, Sample, readings_to_arrow

LINES = [Sample(f"pump-{n % 7}", f"s{n % 3}", n, float(n), "open " * n, 0) for n in range(100)]
_CHILD = """
import resource, sys
from pathlib import Path
from core.contracts.batch import MalformedBatchError, encode_block, unpack
payload = Path(sys.argv[1]).read_bytes()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
unpack(Path(sys.argv[2]).read_bytes())
before = peak()
try:
    unpack(payload)
except MalformedBatchError as error:
    print(peak() - before, error)
"""


def stream(batches: list[pa.RecordBatch], compression: str | None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def buffers_of(batch: pa.RecordBatch) -> int:
    """Bytes in all buffers of a batch as it was read, dictionaries included."""
    found = 0
    for column in batch.columns:
        parts = [column.indices, column.dictionary] if isinstance(column, pa.DictionaryArray) else [column]
        found += sum(one.size for part in parts for one in part.buffers() if one is not None)
    return found


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_it_is_what_arrow_makes_of_it(compression: str | None) -> None:
    batch = readings_to_arrow("s", LINES)
    block = stream([batch], compression)
    read = pa.ipc.open_stream(block).read_next_batch()
    assert 0 <= expanded_bytes(memoryview(block)) - buffers_of(read) < 8 * 64  # without compression they are padded
    assert buffers_of(read) > 20_000
    twice = expanded_bytes(memoryview(stream([batch, batch], compression)))
    assert twice > 1.9 * expanded_bytes(memoryview(block)) - 1_000


def test_whatever_is_harmed_is_counted_or_refused() -> None:
    block = bytearray(encode_block(readings_to_arrow("s", LINES)))
    chance = random.Random(5)
    for _ in range(2_000):
        harmed = bytearray(block)
        for _ in range(chance.randint(1, 4)):
            harmed[chance.randrange(len(harmed))] = chance.randrange(256)
        try:
            assert expanded_bytes(memoryview(bytes(harmed))) >= 0
        except ValueError:
            continue


def bomb(folder: Path) -> Path:
    """A payload of some kilobytes that would expand to 800 MB, batch by batch."""
    text = pa.array(["0" * (16 << 20)])
    one = pa.RecordBatch.from_pylist(
        [{"site": "s", "equipment_id": "pump-1", "signal": "flow", "ts": 0, "quality": 0}], schema=READING_SCHEMA
    )
    one = one.set_column(READING_SCHEMA.get_field_index("text"), "text", text).cast(READING_SCHEMA)
    rows = stream([one] * 50, "zstd")
    path = folder / "bomb"
    path.write_bytes(struct.pack("<I", len(rows)) + rows)
    return path


def test_a_small_payload_that_would_expand_is_refused_and_takes_no_memory(tmp_path: Path) -> None:
    path, plain = bomb(tmp_path), tmp_path / "plain"
    plain.write_bytes(pack(readings_to_arrow("s", LINES), None))
    assert path.stat().st_size < 256 << 10
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path), str(plain)], capture_output=True, text=True, check=True, timeout=120
    )
    grown, _, error = done.stdout.partition(" ")
    assert "expands to 838" in error
    assert f"at most {MOST_EXPANDED_BYTES:,} bytes" in error.replace("expected", "")
    assert int(grown) < MOST_EXPANDED_BYTES


def test_names_that_would_expand_when_they_are_written_out_are_refused() -> None:
    name = "n" * (1 << 20)
    many = readings_to_arrow("s", [Sample(name, "flow", n, 1.0, None, 0) for n in range(100)])
    payload = pack(many, None)
    assert len(payload) < 8_192
    with pytest.raises(MalformedBatchError, match="names expand"):
        unpack(payload)
    unpack(pack(many.slice(0, 10), None))
