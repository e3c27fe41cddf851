import pytest

from core.contracts.duration import parse_duration


def test_durations_are_iso_8601():
    assert parse_duration("P1DT2H3M4S").total_seconds() == 93_784
    for text in ("", "P", "PT", "1h", "PT0S", "PT-1H"):
        with pytest.raises(ValueError, match="ISO 8601"):
            parse_duration(text)
