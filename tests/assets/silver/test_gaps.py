"""Gaps as they stand: found, and not void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from assets.silver.gaps import all_gaps, standing_gaps
from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import LINK_DOWN
from lake.growth import empty
from lake.tables import bronze, ops, silver

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
    standing = all_gaps(told, empty(silver.READINGS).lazy())
    assert dict(standing.select("gap_id", "duration_s").rows()) == {"first": 240.0, "rest": 300.0}


def test_a_gap_that_was_told_twice_is_one():
    assert standing_gaps(notices(("one", 1, "found"), ("one", 1, "found"))).height == 1


def test_no_notice_no_gap():
    assert standing_gaps(notices()).is_empty()


def test_unread_late_and_bad_stand_in_one_table_each_with_its_reason():
    cut = notices(("cut", 10, "found")).with_columns(equipment_id=pl.lit("*"), reason=pl.lit(LINK_DOWN))
    times = [NOON + timedelta(minutes=n) for n in range(4)]
    readings = pl.DataFrame(
        {"ts": times, "quality": [GOOD, BAD_NO_DATA, BAD_NO_DATA, GOOD]},
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    ).with_columns(site=pl.lit("plant"), equipment_id=pl.lit("pump-1"), signal=pl.lit("flow"), date=NOON.date())
    rows = all_gaps(pl.concat([notices(("down", 1, "found")), cut]), readings.lazy())
    assert ops.GAPS.conform(rows.to_arrow()).num_rows == 3
    told = rows.select("equipment_id", "signal", "reason", "duration_s", "readings").rows()
    assert told == [
        ("*", None, LINK_DOWN, 600.0, None),
        ("pump-1", None, "bridge_down", 60.0, None),
        ("pump-1", "flow", "bad_quality", 120.0, 2),
    ]
    assert rows["gap_id"].n_unique() == 3
