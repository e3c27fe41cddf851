from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from core.contracts.batch import MalformedBatchError
from core.contracts.data_contract import DataContract
from core.contracts.lanes import LaneKind
from core.contracts.reading import ALL_OF_SITE, LINK_DOWN, READING_SCHEMA, readings_to_arrow
from core.contracts.site import SiteFile
from ingestion.gateway.check import RefusedBatchError, check_batch, check_header
from ingestion.gateway.promise import Promise
from tests.ingestion.conftest import Maker, counts, event, gap, sample

LIMIT = 1 << 20
WHO = {"bridge": "plant-a-bridge", "incarnation": "a1", "site": "plant-a"}


@pytest.fixture
def promise(site: SiteFile, contract: DataContract) -> Promise:
    return Promise.of(site, contract)


def test_contracted_readings_windows_events_and_books_are_taken(batch: Maker, promise: Promise) -> None:
    window = sample(0, signal="flow:mean:PT1H", quality=0x401)
    header, payload = batch([sample(0), sample(1, None, quality=0x809B0000), window], counted=counts(2))
    check_batch(header, check_header(header, **WHO), payload, promise, max_bytes=LIMIT)
    for signal in ("*", "rule:too_hot", "flow:mean:PT1H"):
        header, payload = batch([], counted=counts(1, signal))
        check_batch(header, LaneKind.READINGS, payload, promise, max_bytes=LIMIT)
    cut = gap(2, equipment_id=ALL_OF_SITE, reason=LINK_DOWN)
    header, payload = batch([gap(0), gap(0, state="void"), cut])
    check_batch(header, check_header(header, **WHO), payload, promise, max_bytes=LIMIT)
    header, payload = batch([event(0), event(1, state="cleared")])
    check_batch(header, check_header(header, **WHO), payload, promise, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([sample(0, signal="temperature")], "'temperature' of 'pump-1' is not in the contract"),
        ([sample(0, signal="flow:max:PT1H")], "not in the contract"),
        ([sample(0), sample(1, equipment_id="pump-3")], "'pump-3' is not of this site"),
        ([event(0, fault_code="OTHER")], "'OTHER' of 'pump-1' is not in the contract"),
        ([event(0, state="lost")], "state 'lost' is unknown"),
        ([event(0, severity=101)], "severity"),
        ([gap(0, equipment_id="pump-3")], "'pump-3' is not of this site"),
        ([gap(0, equipment_id="*")], "'\\*' is not of this site"),
        ([gap(0, reason="link_down", equipment_id="pump-3")], "'pump-3' is not of this site"),
        ([gap(0, state="perhaps")], "gap state 'perhaps' is unknown"),
        ([gap(0), gap(1, to_us=0)], "ends before it begins"),
    ],
)
def test_what_the_contract_does_not_name_is_refused(batch: Maker, promise: Promise, rows, reason: str) -> None:
    header, payload = batch(rows)
    with pytest.raises(RefusedBatchError, match=reason):
        check_batch(header, check_header(header, **WHO), payload, promise, max_bytes=LIMIT)


def test_books_do_not_name_withheld_signals(batch: Maker, promise: Promise) -> None:
    header, payload = batch([], counted=counts(1, "temperature"))
    with pytest.raises(RefusedBatchError, match="temperature"):
        check_batch(header, LaneKind.READINGS, payload, promise, max_bytes=LIMIT)


def test_rows_of_another_site_are_refused(batch: Maker, promise: Promise) -> None:
    header, payload = batch(readings_to_arrow("plant-b", [sample(0)]))
    with pytest.raises(RefusedBatchError, match="'plant-b' from a bridge of 'plant-a'"):
        check_batch(header, LaneKind.READINGS, payload, promise, max_bytes=LIMIT)


def test_a_null_hidden_in_a_dictionary_is_refused(batch: Maker, promise: Promise) -> None:
    rows = readings_to_arrow("plant-a", [sample(0)])
    signal = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([None], pa.string()))
    columns = [signal if name == "signal" else rows.column(name) for name in rows.schema.names]
    header, payload = batch(pa.RecordBatch.from_arrays(columns, schema=READING_SCHEMA))
    with pytest.raises(RefusedBatchError):
        check_batch(header, LaneKind.READINGS, payload, promise, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payload": b""}, "too short"),
        ({"payload": b"\x05\x00\x00\x00abcde"}, "not an Arrow IPC stream"),
        ({"payload": bytes(LIMIT + 1)}, "larger than"),
        ({"payload_sha256": "0" * 64}, "SHA-256"),
        ({"rows": 2}, "header says 2 rows"),
        ({"contract_version": "9.9.9"}, "do not belong"),
        ({"lane": "faults-live"}, "not those of a faults lane"),
        ({"lane": "metrics-live"}, "no table takes"),
    ],
)
def test_malformed_and_oversized_batches_are_refused(batch: Maker, promise: Promise, changes, reason: str) -> None:
    header, payload = batch([sample(0)], **changes)
    with pytest.raises(RefusedBatchError, match=reason):
        check_batch(header, check_header(header, **WHO), payload, promise, max_bytes=LIMIT)


def test_a_small_batch_that_would_expand_is_refused(batch: Maker, promise: Promise) -> None:
    header, payload = batch([sample(0, text="0" * (65 << 20))])
    assert len(payload) < LIMIT // 32
    with pytest.raises(RefusedBatchError, match="block expands to 68,"):
        check_batch(header, LaneKind.READINGS, payload, promise, max_bytes=LIMIT)


def test_an_unknown_contract_is_refused(batch: Maker) -> None:
    header, payload = batch([sample(0)])
    with pytest.raises(RefusedBatchError, match="not registered for plant-a"):
        check_batch(header, LaneKind.READINGS, payload, None, max_bytes=LIMIT)


@pytest.mark.parametrize(
    "changes",
    [
        {"bridge": "other"},
        {"incarnation": "b2"},
        {"site": "plant-b"},
        {"seq": 0},
        {"seq": "1"},
        {"seq": True},
        {"rows": -1},
        {"lane": "readings"},
        {"lane": 5},
        {"tombstone": True},
        {"contract_sha256": None},
        {"reason": 7},
    ],
)
def test_headers_that_cannot_be_acknowledged_end_the_talk(batch: Maker, changes) -> None:
    header, _ = batch([sample(0)])
    with pytest.raises(MalformedBatchError):
        check_header(replace(header, **changes), **WHO)
