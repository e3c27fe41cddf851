"""The books: what the bridges counted against what the lake holds."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from assets.catalogue import rule_names
from assets.silver.books import books, bridge_sums, event_counts, reading_counts
from core.contracts.reading import COUNT_COLUMNS
from quality.balance import imbalances

LAST = date(2024, 3, 5)


def counts(bronze, signal: str, **terms: int) -> pl.DataFrame:
    """One increment of a bridge."""
    hour = bronze.rows((signal, 0, 0.0)).select("site", "equipment_id", "signal", hour="ts")
    return hour.with_columns(**{name: pl.lit(terms.get(name, 0), dtype=pl.Int64) for name in COUNT_COLUMNS})


def test_books_that_balance(bronze, site):
    rules = rule_names([site])
    lines = [
        counts(bronze, "flow", read=3, contracted=3, forwarded=2, suppressed=1),
        counts(bronze, "flow", read=1, contracted=1, forwarded=1),
        counts(bronze, "*", read=5, withheld=5),
    ]
    rows = bronze.rows(("flow", 0, 1.0), ("flow", 1, 2.0), ("flow", 59, 3.0))
    found = books(
        [bridge_sums(pl.concat(lines), rules)],
        {
            "bronze": [reading_counts(rows, "bronze")],
            "silver": [reading_counts(rows.head(2), "silver")],
            "rejected": [reading_counts(rows.tail(1), "rejected")],
        },
        LAST,
    )
    assert set(imbalances(found).values()) == {0}
    assert found.filter(pl.col("signal") == "flow").select("sent", "bronze", "silver", "rejected").rows() == [
        (3, 3, 2, 1)
    ]


@pytest.mark.parametrize(
    ("terms", "lake", "equation"),
    [
        ({"read": 2, "contracted": 1, "forwarded": 1}, {}, "read = withheld + contracted"),
        (
            {"read": 2, "contracted": 2, "forwarded": 1},
            {},
            "contracted = forwarded + suppressed + aggregated",
        ),
        ({}, {"bronze": 1, "silver": 1}, "bronze - doubled + quarantined <= sent"),
        (
            {"read": 1, "contracted": 1, "forwarded": 1},
            {"bronze": 1},
            "bronze = silver + superseded + rejected",
        ),
    ],
)
def test_each_equation_notices_its_break(bronze, site, terms, lake, equation):
    row = bronze.rows(("flow", 0, 1.0))
    bridge = bridge_sums(counts(bronze, "flow", **terms), rule_names([site]))
    found = imbalances(books([bridge], {name: [reading_counts(row, name)] for name in lake}, LAST))
    assert {name for name, lines in found.items() if lines} == {equation}


def test_what_is_on_its_way_is_no_break(bronze, site):
    bridge = bridge_sums(counts(bronze, "flow", read=1, contracted=1, forwarded=1), rule_names([site]))
    found = books([bridge], {}, LAST)
    assert found["in_flight"].to_list() == [1]
    assert set(imbalances(found).values()) == {0}


def test_rules_that_share_a_fault_code_are_one_line(bronze, site, signals):
    rules = rule_names([site])
    machines = signals.select("site", "equipment_id", "equipment_type").unique()
    events = bronze.rows(("x", 0, 0.0), ("x", 1, 0.0)).with_columns(fault_code=pl.Series(["DRY", "OTHER"]))
    names = ("rule:dry", "rule:dry_again", "rule:superseded")
    lines = pl.concat([counts(bronze, name, rules=1) for name in names])
    found = books([bridge_sums(lines, rules)], {"bronze": [event_counts(events, rules, machines, "bronze")]}, LAST)
    assert found.select("signal", "rules", "bronze").rows() == [("rule:*", 1, 1), ("rule:dry", 2, 1)]
