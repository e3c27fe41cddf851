import struct

import pyarrow as pa
import pytest

from core.contracts.batch import BatchHeader, MalformedBatchError, encode_block, join, pack, salvage, unpack
from core.contracts.frames import Ack, Hello, pack_frame, parse_message, unpack_frame
from core.contracts.reading import (
    COUNTS_SCHEMA,
    EVENT_SCHEMA,
    READING_SCHEMA,
    Event,
    Sample,
    events_to_arrow,
    readings_to_arrow,
)

HEADER = BatchHeader(
    bridge="b", incarnation="i", site="s", lane="readings-live", seq=7, rows=1, contract_id="c",
    contract_version="1.0.0", contract_sha256="0" * 64, payload_sha256="1" * 64,
)  # fmt: skip
ROWS = readings_to_arrow("s", [Sample("pump-1", "flow", 1_000_000, 1.5, None, 0)])


def test_payload_survives_the_wire():
    counts = pa.RecordBatch.from_pylist(
        [{"site": "s", "equipment_id": "pump-1", "signal": "*", "hour": 0} | dict.fromkeys(COUNTS_SCHEMA.names[4:], 3)],
        schema=COUNTS_SCHEMA,
    )
    rows, counted = unpack(pack(ROWS, counts))
    assert rows.schema.equals(READING_SCHEMA)
    assert rows.to_pylist()[0]["value"] == 1.5
    assert counted.to_pylist() == counts.to_pylist()


def test_events_are_rows_too():
    batch = events_to_arrow("s", [Event("e1", "pump-1", 5, "F1", 80, "raised", "too hot")])
    rows, counts = unpack(pack(batch, None))
    assert rows.schema.equals(EVENT_SCHEMA)
    assert counts.num_rows == 0


def test_payloads_of_one_kind_become_one():
    more = readings_to_arrow(
        "s", [Sample("pump-2", "flow", 2, None, "open", 0), Sample("pump-1", "level", 3, 2.5, None, 0)]
    )
    rows, counts = unpack(join([pack(ROWS, None), pack(more, None), pack(ROWS, None)]))
    assert rows.to_pylist() == [*ROWS.to_pylist(), *more.to_pylist(), *ROWS.to_pylist()]
    assert counts.num_rows == 0


def test_payloads_of_several_kinds_do_not_become_one():
    events = events_to_arrow("s", [Event("e1", "pump-1", 5, "F1", 80, "raised", "too hot")])
    with pytest.raises(MalformedBatchError, match="not of one kind"):
        join([pack(ROWS, None), pack(events, None)])


@pytest.mark.parametrize("cut", [0, 3, 20, 200])
def test_a_cut_payload_is_refused(cut: int):
    with pytest.raises(MalformedBatchError):
        unpack(pack(ROWS, None)[:cut])


def test_another_schema_is_refused():
    other = encode_block(pa.RecordBatch.from_pydict({"tenant": ["b"]}))
    with pytest.raises(MalformedBatchError, match="another schema"):
        unpack(struct.pack("<I", len(other)) + other + encode_block(ROWS))


def test_null_where_none_is_allowed_is_refused():
    holes = [pa.nulls(1, field.type) for field in READING_SCHEMA]
    rows = pa.RecordBatch.from_arrays(holes, schema=READING_SCHEMA)
    with pytest.raises(MalformedBatchError, match="null"):
        unpack(pack(rows, None))


def test_header_survives_record_headers_and_frames():
    assert BatchHeader.from_headers(HEADER.to_headers()) == HEADER
    assert unpack_frame(pack_frame(HEADER, b"payload")) == (HEADER, b"payload")


def test_header_with_an_unknown_field_is_refused():
    with pytest.raises(MalformedBatchError):
        BatchHeader.from_headers([*HEADER.to_headers(), ("surprise", b"1")])


@pytest.mark.parametrize("frame", [b"", b"\xff\xff\xff\xff", struct.pack("<I", 2) + b"{}"])
def test_a_frame_that_is_no_batch_is_refused(frame: bytes):
    with pytest.raises(MalformedBatchError):
        unpack_frame(frame)


def test_messages_are_a_closed_set():
    hello = Hello(
        bridge="b", incarnation="i", site="s", contract_id="c", contract_version="1", contract_sha256="0", sent_at="now"
    )
    assert parse_message(hello.model_dump_json()) == hello
    assert parse_message('{"type": "ack", "incarnation": "i", "lane": "readings-live", "seq": 3}') == Ack(
        incarnation="i", lane="readings-live", seq=3
    )
    for text in ("", "[]", '{"type": "ack", "lane": "x", "seq": 1, "tenant": "b"}', '{"type": "shutdown"}'):
        with pytest.raises(MalformedBatchError):
            parse_message(text)


@pytest.mark.parametrize("ts_us", [-62_135_596_800_000_001, 253_402_300_800_000_000])
def test_a_time_without_a_date_is_refused(ts_us: int):
    with pytest.raises(MalformedBatchError, match="years 1 to 9999"):
        unpack(pack(readings_to_arrow("s", [Sample("pump-1", "flow", ts_us, 1.5, None, 0)]), None))


def test_what_can_be_read_of_a_payload_is_salvaged_block_by_block():
    later = pa.Table.from_batches([ROWS]).append_column("unit", pa.array(["bar"])).to_batches()[0]
    rows, counts = salvage(pack(later, None))
    assert rows is not None
    assert rows.to_pylist() == pa.Table.from_batches([ROWS]).to_pylist()
    assert counts is not None
    assert counts.num_rows == 0
    first = encode_block(ROWS)
    rows, counts = salvage(struct.pack("<I", len(first)) + first + b"rubbish")
    assert (rows is None, counts is None) == (False, True)
    assert salvage(b"PAR1 is no batch") == (None, None)
