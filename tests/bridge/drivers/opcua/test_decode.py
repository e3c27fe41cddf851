"""Data values to samples."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncua import ua

from bridge.drivers.opcua.decode import sample_of, value_of
from core.contracts.quality import BAD_NO_DATA, GOOD

NOON = datetime(2024, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def test_a_good_value_has_the_source_time() -> None:
    later = datetime(2024, 1, 1, 13, tzinfo=UTC)
    data = ua.DataValue(ua.Variant(1.5, ua.VariantType.Double), ua.StatusCode(ua.UInt32(GOOD)), NOON, later)
    assert tuple(sample_of(("p1", "flow"), data)) == ("p1", "flow", 1_704_110_400_123_456, 1.5, None, GOOD)


def test_no_data_is_null_with_its_code_and_a_naive_time_is_utc() -> None:
    status = ua.StatusCode(ua.UInt32(BAD_NO_DATA))
    data = ua.DataValue(ua.Variant(None, ua.VariantType.Null), status, NOON.replace(tzinfo=None))
    assert sample_of(("p1", "flow"), data)[2:] == (1_704_110_400_123_456, None, None, BAD_NO_DATA)


def test_without_source_time_the_servers_counts() -> None:
    data = ua.DataValue(ua.Variant(1.0), ServerTimestamp=NOON)
    assert sample_of(("p1", "flow"), data).ts_us == 1_704_110_400_123_456


@pytest.mark.parametrize(
    ("raw", "value", "text"), [(True, 1.0, None), (7, 7.0, None), ("on", None, "on"), (None, None, None)]
)
def test_numbers_words_and_nothing(raw: object, value: float | None, text: str | None) -> None:
    assert value_of(raw) == (value, text)
