"""Periods in English, resolved where the data is."""

from __future__ import annotations

from datetime import date

import pytest

from agents.analyst.days import Coverage
from agents.analyst.times import find_periods

SEVEN_MONTHS = Coverage(date(2020, 2, 1), date(2020, 9, 1))
TWO_YEARS = Coverage(date(2012, 11, 5), date(2014, 2, 19))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("what happened in mid-April?", "2020-04-11", "2020-04-20"),
        ("what happened last winter?", "2019-12-01", "2020-02-29"),
        ("in winter 2019/20", "2019-12-01", "2020-02-29"),
        ("how was it in spring", "2020-03-01", "2020-05-31"),
        ("in the fall of 2020", "2020-09-01", "2020-11-30"),
        ("late this summer", "2020-08-01", "2020-08-31"),
        ("in late summer", "2020-08-01", "2020-08-31"),
        ("between spring and autumn", "2020-03-01", "2020-11-30"),
        ("since last winter", "2019-12-01", None),
        ("three days ago", "2020-08-29", "2020-08-29"),
        ("two weeks ago", "2020-08-17", "2020-08-23"),
        ("a month ago", "2020-08-01", "2020-08-31"),
        ("last Friday", "2020-08-28", "2020-08-28"),
        ("on Tuesday", "2020-09-01", "2020-09-01"),
        ("in the first half of the year", "2020-01-01", "2020-06-30"),
        ("H2 2020", "2020-07-01", "2020-12-31"),
        ("the pressure in May", "2020-05-01", "2020-05-31"),
        ("anything on 2020-06-05?", "2020-06-05", "2020-06-05"),
        ("anything on 2020-06-05 10:00 UTC?", "2020-06-05", "2020-06-05"),
        ("faults last week", "2020-08-26", "2020-09-01"),
        ("in the first week of March", "2020-03-01", "2020-03-07"),
        ("in the last week of March", "2020-03-25", "2020-03-31"),
        ("from 5 to 7 June", "2020-06-05", "2020-06-07"),
        ("June 5-7", "2020-06-05", "2020-06-07"),
        ("between April 18 and May 2", "2020-04-18", "2020-05-02"),
        ("from May to July", "2020-05-01", "2020-07-31"),
        ("between 2020-04-01 and 2020-04-10", "2020-04-01", "2020-04-10"),
        ("since June", "2020-06-01", None),
        ("before 5 June 2020", None, "2020-06-04"),
        ("until the end of March", None, "2020-03-31"),
        ("after the first week of March", "2020-03-08", None),
        ("on June 5th, 2020", "2020-06-05", "2020-06-05"),
        ("on the 5th of June", "2020-06-05", "2020-06-05"),
        ("what was it on the 18th", "2020-08-18", "2020-08-18"),
        ("in early february", "2020-02-01", "2020-02-10"),
        ("late July 2020", "2020-07-21", "2020-07-31"),
        ("the second half of July", "2020-07-16", "2020-07-31"),
        ("in Q2", "2020-04-01", "2020-06-30"),
        ("in 2021", "2021-01-01", "2021-12-31"),
        ("the last 3 days", "2020-08-30", "2020-09-01"),
        ("the past two weeks", "2020-08-19", "2020-09-01"),
        ("in the week of 5 June", "2020-06-01", "2020-06-07"),
        ("on 18.04.2020", "2020-04-18", "2020-04-18"),
        ("on 04/18/2020", "2020-04-18", "2020-04-18"),
        ("yesterday", "2020-08-31", "2020-08-31"),
        ("what may have gone wrong in may", "2020-05-01", "2020-05-31"),
        ("What did May look like", "2020-05-01", "2020-05-31"),
        ("in May 2019", "2019-05-01", "2019-05-31"),
    ],
)
def test_one_period(text: str, first: str | None, last: str | None) -> None:
    (period,) = find_periods(text, SEVEN_MONTHS)
    assert (period.first and str(period.first), period.last and str(period.last)) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "May it be?",
        "it may fail",
        "which engine is worst?",
        "engine 12",
        "a marching band",
        "the spring of the valve broke",
        "did it rise and fall",
    ],
)
def test_no_period(text: str) -> None:
    assert find_periods(text, SEVEN_MONTHS) == []


def test_two_periods_stay_two() -> None:
    found = find_periods("Compare May and June", SEVEN_MONTHS)
    assert [period.first for period in found] == [date(2020, 5, 1), date(2020, 6, 1)]


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("Compare spring and summer", "2020-03-01", "2020-06-01"),
        ("Was it hotter in summer than in spring?", "2020-06-01", "2020-03-01"),
        ("compare this month with last month", "2020-09-01", "2020-08-01"),
        ("compare this year with last year", "2020-01-01", "2019-01-01"),
        ("the first and second week of May", "2020-05-01", "2020-05-08"),
    ],
)
def test_side_by_side(text: str, first: str, second: str) -> None:
    assert [str(period.first) for period in find_periods(text, SEVEN_MONTHS)] == [first, second]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("in December", "2013-12-01"),
        ("in January", "2014-01-01"),
        ("on 10 November", "2013-11-10"),
        ("in April", "2013-04-01"),
    ],
)
def test_a_missing_year_is_the_newest_with_data(text: str, first: str) -> None:
    assert str(find_periods(text, TWO_YEARS)[0].first) == first


def test_a_month_outside_the_data_is_still_that_month() -> None:
    assert str(find_periods("in December", SEVEN_MONTHS)[0].first) == "2020-12-01"


def test_impossible_dates_are_no_periods() -> None:
    assert find_periods("on 2020-02-31", SEVEN_MONTHS) == []
