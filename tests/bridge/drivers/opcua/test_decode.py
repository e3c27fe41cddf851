"""Data values to samples."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from uuid import UUID

import pytest
from asyncua import ua

from bridge.drivers.opcua.decode import Decoder, Rule, take
from bridge.scaling import Scaling
from core.contracts.quality import BAD_INDEX_RANGE_NO_DATA, BAD_NO_DATA, BAD_NOT_SUPPORTED, GOOD, UNCERTAIN
from core.contracts.reading import Sample

NOON = datetime(2024, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
FLOW = ("p1", "flow")


class Mode(IntEnum):
    MANUAL = 2


def sample_of(data: ua.DataValue, rule: Rule | None = None) -> Sample:
    return Decoder({FLOW: rule or Rule()}).sample(FLOW, data)


def of(value: object, status: int = GOOD) -> ua.DataValue:
    kind = ua.VariantType.Null if value is None else None
    return ua.DataValue(ua.Variant(value, kind), ua.StatusCode(ua.UInt32(status)), NOON)


def test_a_good_value_has_the_source_time() -> None:
    later = datetime(2024, 1, 1, 13, tzinfo=UTC)
    data = ua.DataValue(ua.Variant(1.5, ua.VariantType.Double), ua.StatusCode(ua.UInt32(GOOD)), NOON, later)
    assert tuple(sample_of(data)) == ("p1", "flow", 1_704_110_400_123_456, 1.5, None, GOOD)


def test_no_data_is_null_with_its_code_and_a_naive_time_is_utc() -> None:
    status = ua.StatusCode(ua.UInt32(BAD_NO_DATA))
    data = ua.DataValue(ua.Variant(None, ua.VariantType.Null), status, NOON.replace(tzinfo=None))
    assert sample_of(data)[2:] == (1_704_110_400_123_456, None, None, BAD_NO_DATA)


def test_without_source_time_the_servers_counts() -> None:
    assert sample_of(ua.DataValue(ua.Variant(1.0), ServerTimestamp=NOON)).ts_us == 1_704_110_400_123_456


@pytest.mark.parametrize(
    ("value", "status", "expected"),
    [
        (None, GOOD, (None, BAD_NO_DATA)),
        (None, UNCERTAIN, (None, UNCERTAIN)),
        (1.5, UNCERTAIN, (1.5, UNCERTAIN)),
        (1.5, 0x40900000, (1.5, 0x40900000)),
        (1.5, 0x80000000, (1.5, 0x80000000)),
    ],
)
def test_the_servers_status_stays_and_a_good_nothing_is_bad(value, status, expected) -> None:
    sample = sample_of(of(value, status))
    assert (sample.value, sample.quality) == expected


@pytest.mark.parametrize(
    ("raw", "value", "text"),
    [
        (True, 1.0, None),
        (7, 7.0, None),
        (Mode.MANUAL, 2.0, None),
        ("on", None, "on"),
        ("", None, ""),
        (None, None, None),
        (NOON.replace(tzinfo=None), None, "2024-01-01T12:00:00.123456+00:00"),
        (b"\x00\xff", None, "AP8="),
        (UUID(int=1), None, "00000000-0000-0000-0000-000000000001"),
        (ua.LocalizedText("läuft", "de"), None, "läuft"),
        (ua.QualifiedName("Pump", 2), None, "2:Pump"),
        (ua.NodeId("a", 2), None, "ns=2;s=a"),
        (ua.StatusCode(ua.UInt32(0x80310000)), None, "BadNoCommunication"),
        ([1.5, 2.0], None, "[1.5,2.0]"),
        ([1, 2], None, "[1,2]"),
        ([True, False], None, "[true,false]"),
        (["a", 'b"'], None, '["a","b\\""]'),
        ([NOON], None, '["2024-01-01T12:00:00.123456+00:00"]'),
        ([], None, "[]"),
    ],
)
def test_numbers_texts_and_arrays(raw: object, value: float | None, text: str | None) -> None:
    taken = take(raw)
    assert (taken.value, taken.text, taken.quality) == (value, text, None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (ua.Range(1.0, 2.0), "a structure, Range"),
        ([ua.Range(1.0, 2.0)], "an array with a structure, Range"),
        ([0.0] * 1025, "an array of 1025, more than 1024"),
    ],
)
def test_what_no_reading_can_hold_is_bad_and_named_once(raw: object, reason: str) -> None:
    decoder = Decoder({})
    for _ in range(2):
        sample = decoder.sample(FLOW, of(raw))
        assert (sample.value, sample.text, sample.quality) == (None, None, BAD_NOT_SUPPORTED)
    assert decoder.news() == [(FLOW, reason)]
    assert decoder.news() == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([1.0, 2.0, 3.0], (3.0, GOOD)),
        ([1.0, 2.0], (None, BAD_INDEX_RANGE_NO_DATA)),
        (1.0, (None, BAD_INDEX_RANGE_NO_DATA)),
        (None, (None, BAD_NO_DATA)),
    ],
)
def test_an_element_of_an_array(raw: object, expected: tuple[float | None, int]) -> None:
    sample = sample_of(of(raw), Rule(element=2))
    assert (sample.value, sample.quality) == expected


def test_scale_and_offset_are_for_numbers_and_leave_texts_alone() -> None:
    assert sample_of(of(3), Rule(Scaling(0.1))).value == 0.3
    assert sample_of(of([0, 4]), Rule(Scaling(2.0, 1.0), 1)).value == 9.0
    assert sample_of(of("on"), Rule(Scaling(2.0))).text == "on"
