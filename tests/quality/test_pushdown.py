"""What Polars counts is what the library would have said."""

from __future__ import annotations

import polars as pl
import pytest

from quality import validation
from quality.expected import Expected, Severity
from quality.pushdown import Tally

SUITE = (
    Expected("value_is_set", "not_null", ("value",)),
    Expected("value_is_unique", "unique", ("value",)),
    Expected("pair_is_unique", "unique", ("name", "value")),
    Expected("name_is_known", "in_set", ("name",), values=("a", "b")),
    Expected("value_is_small", "between", ("value",), minimum=0, maximum=5),
    Expected("value_is_large", "between", ("value",), minimum=2),
    Expected("b_is_small", "between", ("value",), minimum=0, maximum=5, where=("name", "b")),
    Expected("in_order", "ordered", ("value", "other")),
    Expected("has_rows", "rows", severity=Severity.WARN, minimum=1),
)
ROWS = pl.DataFrame(
    {
        "name": ["a", "a", "c", "b", None, None, "b"],
        "value": [1.0, 1.0, None, 9.0, float("nan"), None, 2.0],
        "other": [0.0, 2.0, 3.0, None, 1.0, 1.0, 1.0],
    }
)
GOOD = pl.DataFrame({"name": ["a", "a", "b"], "value": [2.0, 3.0, 4.0], "other": [2.0, None, 5.0]})


@pytest.mark.parametrize("rows", [ROWS, GOOD, ROWS.sort("name", "value")], ids=["bad", "good", "sorted"])
def test_each_expectation_is_counted_as_the_library_counts(rows: pl.DataFrame):
    tally = Tally(SUITE)
    tally.add(rows)
    said = [(one.check, one.status, one.observed.split(",")[0]) for one in validation.validate(rows, SUITE)]
    assert [(one.check, one.status, one.observed.split(",")[0]) for one in tally.outcomes()] == said


def test_portions_are_told_as_one():
    whole, parts = Tally(SUITE), Tally(SUITE)
    rows = ROWS.with_columns(pl.col("name").fill_null("d"), value=pl.int_range(7) / 2)
    whole.add(rows)
    for (_,), part in rows.partition_by("name", as_dict=True).items():
        parts.add(part)
    assert [one.observed.split(",")[0] for one in parts.outcomes()] == [
        one.observed.split(",")[0] for one in whole.outcomes()
    ]
    assert [one.passed for one in parts.outcomes()] == [one.passed for one in whole.outcomes()]


def test_a_key_that_comes_again_is_found_wherever_it_stands():
    suite = [Expected("unique", "unique", ("name", "value"))]
    for values in ([1.0, 2.0, 1.0], [1.0, 1.0, 2.0], [2.0, 1.0, 1.0]):
        tally = Tally(suite)
        tally.add(pl.DataFrame({"name": ["a"] * 3, "value": values}))
        assert tally.outcomes()[0].observed.startswith("2 of 3 rows break it, for example [{'name': 'a'")


def test_a_large_batch_is_not_given_to_the_library(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(validation, "LIBRARY_ROWS", 2)
    monkeypatch.setattr(validation, "_engine", lambda: pytest.fail("the library was asked"))
    assert [one.status for one in validation.validate(GOOD, SUITE)] == ["passed"] * 5 + ["passed"] * 4
