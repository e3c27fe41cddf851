"""What an error says."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from core.errors import InputError


@pytest.mark.parametrize(
    ("received", "says"),
    [
        (date(2024, 1, 1), "received 2024-01-01"),
        (datetime(2024, 1, 1, 12, tzinfo=UTC), "received 2024-01-01T12:00:00+00:00"),
        ("a b", "received 'a b'"),
        (0, "received 0"),
        ("x" * 400, f"received '{'x' * 299}…"),
    ],
)
def test_a_value_is_told_as_people_write_it(received: object, says: str):
    assert str(InputError("no", expected="yes", received=received, where="file")) == f"file: no; expected yes; {says}"
