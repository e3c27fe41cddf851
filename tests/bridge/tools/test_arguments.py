"""Arguments are checked on site whatever the platform has checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.tools.arguments import Selection, Stretch, Tag, check
from core.errors import InputError

HISTORY = {"equipment": "p1", "signal": "flow", "since": "2024-01-01T00:00:00Z"}


def test_a_stretch_is_one_day_unless_it_ends_elsewhere() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    assert check(Stretch, HISTORY).span == (start, start + timedelta(days=1))
    asked = check(Stretch, HISTORY | {"until": "2024-01-01T03:00:00+02:00", "aggregate": "max", "every": "PT5M"})
    assert asked.span == (start, start + timedelta(hours=1))
    assert asked.every_us == 300_000_000


@pytest.mark.parametrize(
    ("form", "raw", "said"),
    [
        (Tag, {"equipment": "p1"}, "argument 'signal' is wrong"),
        (
            Tag,
            {"equipment": "p1", "signal": "flow", "tenant": "x"},
            "unknown argument 'tenant'; expected equipment, s",
        ),
        (Tag, {"equipment": "p1'; drop", "signal": "flow"}, "argument 'equipment' is wrong"),
        (Tag, {"equipment": ["p1"], "signal": "flow"}, "argument 'equipment' is wrong"),
        (Selection, {"limit": 0}, "argument 'limit' is wrong"),
        (Selection, {"limit": 10**9}, "argument 'limit' is wrong"),
        (Stretch, HISTORY | {"since": "2024-01-01T00:00:00"}, "argument 'since' is wrong"),
        (Stretch, HISTORY | {"until": "2023-01-01T00:00:00Z"}, "`since` is not before `until`"),
        (Stretch, HISTORY | {"aggregate": "mean"}, "`aggregate` and `every` belong together"),
        (Stretch, HISTORY | {"aggregate": "median", "every": "PT1M"}, "argument 'aggregate' is wrong"),
        (Stretch, HISTORY | {"aggregate": "mean", "every": "1 minute"}, "not an ISO 8601 duration"),
    ],
)
def test_what_is_wrong_is_named(form: Any, raw: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        check(form, raw)
    assert said in str(error.value)
