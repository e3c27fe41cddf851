"""Books, freshness and rejected rows as checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from quality.balance import EQUATIONS, books_balance, freshness, rejected_share

NOW = datetime(2024, 3, 4, tzinfo=UTC)
BALANCED = dict.fromkeys(EQUATIONS.values(), 0)


def test_balanced_books_pass():
    assert {one.status for one in books_balance(10, BALANCED, 0)} == {"passed"}


@pytest.mark.parametrize(("check", "equation"), list(EQUATIONS.items()))
def test_a_broken_equation_fails_its_own_check(check, equation):
    found = {one.check: one.status for one in books_balance(10, {**BALANCED, equation: 3}, 0)}
    assert found.pop(check) == "failed"
    assert set(found.values()) == {"passed"}


def test_rows_on_their_way_warn():
    assert [one.check for one in books_balance(10, BALANCED, 5) if one.status == "warned"] == [
        "everything_sent_has_arrived"
    ]


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
