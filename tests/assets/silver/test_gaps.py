"""Gaps as they stand: found, and not void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from assets.silver.gaps import standing_gaps
from lake.tables import bronze

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def notices(*told: tuple[str, int, str]) -> pl.DataFrame:
    """(gap, minutes it lasts, state), each in a batch of its own."""
    rows = [
        {
            "gap_id": gap, "site": "plant", "equipment_id": "pump-1", "ts": NOON,
            "until": NOON + timedelta(minutes=minutes), "reason": "bridge_down",
            "state": state,
            "lane": "b/i/status-live", "seq": seq, "row_no": 0, "contract_version": "1",
            "received_at": NOON, "date": NOON.date(),
        }
        for seq, (gap, minutes, state) in enumerate(told, start=1)
    ]  # fmt: skip
    return pl.from_arrow(bronze.GAPS.schema.empty_table()).vstack(
        pl.DataFrame(rows, schema=pl.from_arrow(bronze.GAPS.schema.empty_table()).schema)
    )


def test_a_gap_that_a_late_reading_filled_is_none():
    told = notices(("whole", 10, "found"), ("first", 4, "found"), ("rest", 5, "found"), ("whole", 10, "void"))
    standing = standing_gaps(told)
    assert dict(standing.select("gap_id", "duration_s").rows()) == {"first": 240.0, "rest": 300.0}


def test_a_gap_that_was_told_twice_is_one():
    assert standing_gaps(notices(("one", 1, "found"), ("one", 1, "found"))).height == 1


def test_no_notice_no_gap():
    assert standing_gaps(notices()).is_empty()
