"""Which days an expectation blames, beside what Great Expectations says of the same batch."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from quality.expected import Expected
from quality.pushdown import Tally
from quality.validation import validate

GOOD, BAD = date(2024, 3, 4), date(2024, 3, 5)
FRAME = pl.DataFrame(
    {
        "date": [GOOD, GOOD, BAD, BAD],
        "key": ["a", "b", "c", "c"],
        "name": ["x", "x", "x", None],
        "level": ["info", None, "info", "loud"],
        "low": [1.0, float("nan"), None, 5.0],
        "high": [2.0, 1.0, 1.0, 4.0],
        "kind": ["far", "far", "near", "near"],
    }
)


@pytest.mark.parametrize(
    "one",
    [
        Expected("set", "not_null", ("name",)),
        Expected("alone", "unique", ("key",)),
        Expected("together", "unique", ("key", "kind")),
        Expected("known", "in_set", ("level",), values=("info",)),
        Expected("small", "between", ("low",), minimum=0, maximum=4),
        Expected("near", "between", ("high",), minimum=2, where=("kind", "near")),
        Expected("order", "ordered", ("low", "high")),
    ],
    ids=lambda one: one.name,
)
def test_the_day_of_the_rows_that_break_it_is_named_and_no_other(one: Expected) -> None:
    (outcome,) = validate(FRAME, [one])
    assert (outcome.passed, outcome.days) == (False, {BAD})
    (alright,) = validate(FRAME.filter(pl.col("date") == GOOD), [one])
    assert (alright.passed, alright.days) == (True, frozenset())


def test_what_no_row_can_tell_blames_no_day_alone() -> None:
    (few,) = validate(FRAME, [Expected("many", "rows", minimum=9)])
    (dateless,) = validate(FRAME.drop("date"), [Expected("set", "not_null", ("name",))])
    assert (few.passed, few.days, dateless.passed, dateless.days) == (False, frozenset(), False, frozenset())


def test_a_batch_counted_part_by_part_blames_the_days_of_every_part() -> None:
    key = Expected("set", "not_null", ("name",))
    tally = Tally([key])
    tally.add(FRAME)
    tally.add(FRAME.with_columns(date=pl.lit(date(2024, 3, 9))))
    (outcome,) = tally.outcomes()
    assert outcome.days == {BAD, date(2024, 3, 9)}
