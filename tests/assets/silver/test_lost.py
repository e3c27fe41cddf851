"""Which counts vouch for each other: lanes, refused batches, neighbours that left as one, batches nobody can read."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.silver import lost
from tests.assets.silver.conftest import MIDNIGHT

LANE = "b/i/readings-live"
REFUSED = f"refused/{LANE}"
BACKLOG = "b/i/readings-backlog"


def sent(*batches: tuple[str, int, int]) -> pl.DataFrame:
    """Counts of the flow of one hour: lane, number and rows sent."""
    rows = [("plant", "pump-1", "flow", MIDNIGHT, MIDNIGHT.date(), *batch, 0, 1) for batch in batches]
    names = ["site", "equipment_id", "signal", "hour", "date", "lane", "seq", "forwarded", "windows", "in_flight"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return lost.unarrived(frame, frame)


def there(*rows: tuple[str, int, int | None]) -> pl.DataFrame:
    """Rows of the same hour by lane, number and row; a batch that nobody can read has no row and claims two."""
    schema = {"lane": pl.String, "seq": pl.Int64, "row_no": pl.Int32}
    told = {"site": "plant", "equipment_id": "pump-1", "signal": "flow", "ts": MIDNIGHT + timedelta(minutes=5)}
    claimed = pl.when(pl.col("row_no").is_null()).then(2).otherwise(1)
    return pl.DataFrame(rows, schema, orient="row").with_columns(
        rows=claimed, **{k: pl.lit(v) for k, v in told.items()}
    )


def missing(
    counts: pl.DataFrame,
    rows: pl.DataFrame,
    apart: pl.DataFrame | None = None,
    committed: int = 4,
    **numbers: int,
) -> int:
    """What is lost with so much of the only lane committed; what was refused of it has arrived if nothing is said."""
    held = lost.of_lanes(there() if apart is None else apart)
    bases = counts["base"].unique().to_list()
    bronze = dict.fromkeys(bases, committed) | {REFUSED: numbers.get("refused", 0)}
    bronze |= {f"reused/{LANE}": numbers.get("reused", 0)}
    progress = lost.progress(bases, bronze, {REFUSED: numbers.get("arrived", numbers.get("refused", 0))})
    settled = lost.settled(counts, counts.select("base", "seq"), progress, held)
    return int(lost.missing(settled, rows.lazy(), held)["lost"].sum())


@pytest.mark.parametrize(
    ("rows", "gone"),
    [
        ([(LANE, 1, 0), (LANE, 1, 1), (LANE, 2, 0), (LANE, 3, 0)], 0),
        ([(LANE, 1, 0), (LANE, 2, 0), (LANE, 3, 0)], 1),
        ([(LANE, 3, 0)], 3),
        ([(LANE, 1, 0), (LANE, 1, 1), (LANE, 2, 0)], 0),  # the rest of the last one may be on its way
        ([], 3),
    ],
)
def test_what_later_counts_have_passed_is_lost(rows: list[tuple[str, int, int]], gone: int) -> None:
    assert missing(sent((LANE, 1, 3), (LANE, 3, 1)), there(*rows)) == gone


def test_the_rest_of_a_step_in_a_backlog_may_have_left_with_what_follows_it() -> None:
    counts = sent((BACKLOG, 1, 3), (BACKLOG, 3, 1))
    rows = there((BACKLOG, 1, 0), (BACKLOG, 3, 0), (BACKLOG, 3, 1), (BACKLOG, 3, 2))
    assert missing(counts, rows, committed=3) == 0
    assert missing(counts, there((BACKLOG, 1, 0)), committed=2) == 0
    assert missing(counts, there((BACKLOG, 3, 0)), committed=3) == 2


def test_counts_beyond_what_is_committed_vouch_for_nothing() -> None:
    assert missing(sent((LANE, 3, 2), (LANE, 5, 2)), there((LANE, 3, 0))) == 1  # all before the fifth is there
    assert missing(sent((LANE, 3, 3), (LANE, 6, 2)), there((LANE, 3, 0))) == 0  # the fifth may hold two
    assert missing(sent((LANE, 5, 2), (LANE, 6, 2)), there()) == 0


def test_what_bronze_has_gone_past_and_quarantine_does_not_have_yet_is_on_its_way() -> None:
    """Both are read of topics of their own, maybe by sinks of their own: a tombstone comes first as easily as last."""
    counts = sent((LANE, 1, 3), (LANE, 3, 2), (LANE, 4, 1))
    rows = there((LANE, 1, 0), (LANE, 1, 1), (LANE, 3, 0), (LANE, 4, 0))
    assert missing(counts, rows, refused=2, arrived=0) == 1  # of the third batch's step, whatever comes of the second
    assert missing(counts, rows, refused=2) == 1 + 1
    assert missing(counts, rows, there((REFUSED, 2, 0)), refused=2) == 1
    assert missing(counts, rows, refused=3, arrived=2) == 1  # of the first step all that was refused is known


def test_an_hour_is_never_saved_by_another_lane() -> None:
    others = [("b/other/readings-live", 1, n) for n in range(9)]
    assert missing(sent((LANE, 1, 3), (LANE, 3, 1)), there(*others, (LANE, 3, 0))) == 3


def test_no_lane_speaks_of_another_ones_rest() -> None:
    """A bridge registered anew goes on in a lane of its own; what the old one still has may come or not."""
    new = "b/new/readings-live"
    assert missing(sent((LANE, 1, 3), (new, 1, 1), (new, 2, 1)), there((LANE, 1, 0), (new, 1, 0), (new, 2, 0))) == 0


def test_what_was_refused_is_not_lost() -> None:
    counts = sent((LANE, 1, 3), (REFUSED, 2, 2), (LANE, 4, 1))
    rows = there((LANE, 1, 0), (LANE, 4, 0))
    # Its counts are in the lake before its rows: until then nothing can be said of it.
    assert missing(counts, rows, there((LANE, 1, 1), (LANE, 1, 2))) == 0
    assert missing(counts, rows, there((LANE, 1, 1), (LANE, 1, 2), (REFUSED, 2, 0))) == 1
    # What was let in since stands in both.
    both = there((LANE, 1, 1), (LANE, 1, 2), (REFUSED, 2, 0), (REFUSED, 2, 1))
    assert missing(counts, pl.concat([rows, there((REFUSED, 2, 0))]), both) == 0


def test_a_batch_that_nobody_can_read_proves_nothing_unless_it_claims_no_row() -> None:
    counts, rows = sent((LANE, 1, 3), (LANE, 3, 1)), there((LANE, 1, 0), (LANE, 3, 0))
    unread = there((REFUSED, 2, None))
    assert missing(counts, rows, unread, refused=2) == 0
    assert missing(counts, rows, unread.with_columns(rows=pl.lit(0)), refused=2) == 2


def test_numbers_used_again_prove_nothing_and_those_after_them_do() -> None:
    assert missing(sent((f"reused/{LANE}", 1, 3), (f"reused/{LANE}", 2, 3)), there()) == 0
    counts = sent((LANE, 1, 3), (LANE, 2, 2), (LANE, 4, 1))
    assert missing(counts, there((LANE, 1, 0), (LANE, 3, 0)), reused=1) == 1
    assert missing(counts, there((LANE, 1, 0), (LANE, 3, 0)), reused=2) == 0


def test_times_that_have_no_day_prove_nothing() -> None:
    counts = sent((LANE, 1, 3), (LANE, 3, 1)).with_columns(date=pl.lit(date(2000, 1, 1)))
    lines = counts.with_columns(in_flight=pl.lit(1), forwarded=pl.col("sent"), windows=pl.lit(0))
    assert lost.unarrived(lines, lines).is_empty()
    assert lost.unarrived(lines.with_columns(date=pl.col("hour").dt.date()), lines).height == 2


def test_books_tell_lost_apart_and_never_more_than_is_short() -> None:
    grain = sent((LANE, 1, 3)).select("site", "equipment_id", "signal", "hour")
    for short, told in ((5, (2, 3)), (2, (0, 2)), (-1, (-1, 0))):
        lines = grain.with_columns(in_flight=pl.lit(short), lost=pl.lit(0))
        found = lost.told_apart(lines, grain.with_columns(lost=pl.lit(3)))
        assert found.select("in_flight", "lost").row(0) == told
