"""Which counts vouch for each other: lanes, refused batches, neighbours that left as one, batches nobody can read."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from assets.silver import lost
from tests.assets.silver.conftest import MIDNIGHT

LANE = "b/i/readings-live"
REFUSED = f"refused/{LANE}"
COMMITTED = pl.DataFrame({"base": [LANE], "committed": [4]})


def sent(*batches: tuple[str, int, int]) -> pl.DataFrame:
    """Counts of the flow of one hour: lane, number and rows sent."""
    rows = [("plant", "pump-1", "flow", MIDNIGHT, lane, seq, rows, 0, 1) for lane, seq, rows in batches]
    names = ["site", "equipment_id", "signal", "hour", "lane", "seq", "forwarded", "windows", "in_flight"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return lost.unarrived(frame, frame)


def there(*rows: tuple[str, int, int | None]) -> pl.DataFrame:
    """Rows of the same hour by lane, number and row."""
    schema = {"lane": pl.String, "seq": pl.Int64, "row_no": pl.Int32}
    told = {"site": "plant", "equipment_id": "pump-1", "signal": "flow", "ts": MIDNIGHT + timedelta(minutes=5)}
    return pl.DataFrame(rows, schema, orient="row").with_columns(**{k: pl.lit(v) for k, v in told.items()})


def missing(
    counts: pl.DataFrame,
    rows: pl.DataFrame,
    apart: pl.DataFrame | None = None,
    committed: pl.DataFrame = COMMITTED,
) -> int:
    held = lost.of_lanes(there() if apart is None else apart)
    found = lost.of_lanes(rows)
    settled = lost.settled(counts, counts.select("base", "seq"), committed, held, found)
    return int(lost.missing(settled, rows, held)["lost"].sum())


@pytest.mark.parametrize(
    ("rows", "gone"),
    [
        ([(LANE, 1, 0), (LANE, 1, 1), (LANE, 2, 0), (LANE, 3, 0)], 0),
        ([(LANE, 1, 0), (LANE, 2, 0), (LANE, 3, 0)], 1),
        ([(LANE, 3, 0)], 3),
        ([(LANE, 1, 0), (LANE, 1, 1), (LANE, 2, 0)], 1),  # nothing of the last one
        ([], 4),
    ],
)
def test_what_later_counts_have_passed_is_lost(rows: list[tuple[str, int, int]], gone: int) -> None:
    assert missing(sent((LANE, 1, 3), (LANE, 3, 1)), there(*rows)) == gone


def test_the_rest_of_a_step_in_a_backlog_may_have_left_with_what_follows_it() -> None:
    lane = "b/i/readings-backlog"
    committed = pl.DataFrame({"base": [lane], "committed": [3]})
    counts = sent((lane, 1, 3), (lane, 3, 1))
    assert missing(counts, there((lane, 1, 0), (lane, 3, 0), (lane, 3, 1), (lane, 3, 2)), committed=committed) == 0
    assert missing(counts, there((lane, 3, 0)), committed=committed) == 2


def test_counts_beyond_what_is_committed_vouch_for_nothing() -> None:
    assert missing(sent((LANE, 3, 2), (LANE, 5, 2)), there((LANE, 3, 0))) == 1  # all before the fifth is there
    assert missing(sent((LANE, 3, 3), (LANE, 6, 2)), there((LANE, 3, 0), (LANE, 4, 0))) == 0
    assert missing(sent((LANE, 3, 3), (LANE, 6, 2)), there((LANE, 3, 0))) == 2  # the lane has a hole
    assert missing(sent((LANE, 5, 2), (LANE, 6, 2)), there()) == 0


def test_an_hour_is_never_saved_by_another_lane() -> None:
    others = [("b/other/readings-live", 1, n) for n in range(9)]
    assert missing(sent((LANE, 1, 3), (LANE, 3, 1)), there(*others, (LANE, 3, 0))) == 3


def test_what_was_refused_is_not_lost() -> None:
    counts = sent((LANE, 1, 3), (REFUSED, 2, 2), (LANE, 4, 1))
    rows = there((LANE, 1, 0), (LANE, 4, 0))
    # Its counts are in the lake before its rows: until then nothing can be said of it.
    assert missing(counts, rows, there((REFUSED, 1, 1), (LANE, 1, 2))) == 0
    assert missing(counts, rows, there((REFUSED, 1, 1), (LANE, 1, 2), (REFUSED, 2, 0))) == 1
    # What was let in since stands in both.
    both = there((REFUSED, 1, 1), (LANE, 1, 2), (REFUSED, 2, 0), (REFUSED, 2, 1))
    assert missing(counts, pl.concat([rows, there((REFUSED, 2, 0))]), both) == 0


def test_a_batch_that_nobody_can_read_and_numbers_used_again_prove_nothing() -> None:
    counts = sent((LANE, 1, 3), (LANE, 3, 1))
    assert missing(counts, there((LANE, 1, 0), (LANE, 3, 0)), there((REFUSED, 2, None))) == 0
    assert missing(sent((f"reused/{LANE}", 1, 3), (f"reused/{LANE}", 2, 3)), there()) == 0


def test_books_tell_lost_apart_and_never_more_than_is_short() -> None:
    grain = sent((LANE, 1, 3)).select("site", "equipment_id", "signal", "hour")
    for short, told in ((5, (2, 3)), (2, (0, 2)), (-1, (-1, 0))):
        lines = grain.with_columns(in_flight=pl.lit(short), lost=pl.lit(0))
        found = lost.told_apart(lines, grain.with_columns(lost=pl.lit(3)))
        assert found.select("in_flight", "lost").row(0) == told
