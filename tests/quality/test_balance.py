"""Books, freshness and rejected rows as checks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from quality.balance import EQUATIONS, books_balance, freshness, rejected_share

NOW = datetime(2024, 3, 4, tzinfo=UTC)
MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
BROKEN = {
    "read_is_accounted_for": {"withheld": 1},
    "contracted_is_accounted_for": {"suppressed": 1},
    "no_row_from_nowhere": {"in_flight": -1},
    "nothing_is_lost": {"lost": 1},
    "nothing_is_doubled": {"doubled": 1},
    "bronze_is_accounted_for": {"superseded": 1},
}


def line(day: date, **others: int) -> dict[str, object]:
    """A line of the books over five rows that all arrived, but for what is said otherwise."""
    five = dict.fromkeys(("read", "contracted", "forwarded", "bronze", "silver"), 5)
    none = ("withheld", "suppressed", "aggregated", "superseded", "rejected", "in_flight", "lost", "doubled")
    return {**five, **dict.fromkeys(none, 0), "date": day, **others}


def test_balanced_books_pass():
    outcomes = books_balance(pl.DataFrame([line(MONDAY), line(TUESDAY)]))
    assert {(one.status, one.days) for one in outcomes} == {("passed", frozenset())}


@pytest.mark.parametrize("check", list(EQUATIONS))
def test_a_broken_equation_fails_its_own_check_on_its_own_day(check):
    outcomes = books_balance(pl.DataFrame([line(MONDAY), line(TUESDAY, **BROKEN[check])]))
    (failed,) = (one for one in outcomes if one.status != "passed")
    assert (failed.check, failed.status, failed.days) == (check, "failed", {TUESDAY})
    assert failed.observed == "1 of 2 lines break it"


def test_rows_on_their_way_warn():
    outcomes = books_balance(pl.DataFrame([line(MONDAY, in_flight=5), line(TUESDAY)]))
    (warned,) = (one for one in outcomes if one.status == "warned")
    assert (warned.check, warned.observed, warned.days) == (
        "everything_sent_has_arrived", "5 rows on their way", {MONDAY},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("newest", "status"), [(None, "warned"), (NOW - timedelta(hours=1), "passed"), (NOW - timedelta(days=3), "warned")]
)
def test_freshness(newest, status):
    assert freshness(newest, NOW).status == status


@pytest.mark.parametrize(("rejected", "status"), [(0, "passed"), (1, "passed"), (2, "warned")])
def test_rejected_share(rejected, status):
    assert rejected_share(rejected, 100).status == status


def test_no_rows_reject_none():
    assert rejected_share(0, 0).passed
