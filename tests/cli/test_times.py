from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cli.times import moment
from core.errors import InputError

_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T14:00", datetime(2026, 11, 21, 14, tzinfo=UTC)),
        ("2026-11-21T14:00+01:00", datetime(2026, 11, 21, 13, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 21, 10, 30, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 14, 12, tzinfo=UTC)),
    ],
)
def test_moments_are_read_in_utc(text: str, at: datetime):
    assert moment(text, _NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "7w", "-3h", "2026-13-01"])
def test_anything_else_is_refused(text: str):
    with pytest.raises(InputError, match="moment"):
        moment(text, _NOW)
