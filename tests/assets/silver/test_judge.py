"""Which rows of bronze silver keeps, in which unit, and why it rejects the others."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from assets.silver.judge import beyond_contract, judge_events, judge_readings, mark_late, quarantined_events

BAD = 0x809B0000


def test_values_come_in_the_contracts_unit(bronze, signals):
    kept = judge_readings(bronze.rows(("level", 0, 2.5), ("flow", 0, 7.0)), signals).kept
    assert kept.select("signal", "value", "unit").rows() == [("flow", 7.0, "l/min"), ("level", 25.0, "mm")]


def test_windows_inherit_the_unit_and_a_count_has_none(bronze, signals):
    kept = judge_readings(bronze.rows(("flow:mean:PT1H", 0, 8.0), ("flow:count:PT1H", 0, 400.0)), signals).kept
    assert kept.select("signal", "value", "unit").rows() == [
        ("flow:count:PT1H", 400.0, "1"),
        ("flow:mean:PT1H", 8.0, "l/min"),
    ]


def test_a_window_speaks_for_a_role_whose_signal_stays_on_site(bronze, signals):
    kept = judge_readings(bronze.rows(("running:mean:PT1H", 0, 0.5), ("running:max:PT1H", 0, 1.0)), signals).kept
    assert dict(kept.select("signal", "role").iter_rows()) == {"running:mean:PT1H": "running", "running:max:PT1H": None}


@pytest.mark.parametrize(
    ("signal", "value", "quality", "reason"),
    [
        ("flow", -1.0, 0, "below the contract's minimum of 0.0 l/min"),
        ("flow", 101.0, 0, "above the contract's maximum of 100.0 l/min"),
        ("flow", None, 0, "quality is good but there is no value"),
        ("pressure", 1.0, 0, "the site has no such signal"),
    ],
)
def test_rejected_with_the_reason(bronze, signals, signal, value, quality, reason):
    judged = judge_readings(bronze.rows((signal, 0, value), quality=quality), signals)
    assert judged.kept.is_empty()
    assert judged.rejected["reason"].to_list() == [reason]


def test_a_text_is_no_number_where_the_contract_promises_one(bronze, signals):
    words = bronze.rows(("flow", 0, None), ("level", 0, None), ("pieces", 0, None), text="offline")
    judged = judge_readings(words, signals)
    assert judged.rejected.select("signal", "reason").rows() == [
        ("flow", "a text where the contract promises a number")
    ]
    assert sorted(judged.kept["signal"]) == ["level", "pieces"]
    assert judge_readings(bronze.rows(("flow", 0, None), text="nan", quality=BAD), signals).rejected.is_empty()


def test_a_bad_sample_may_have_no_value_and_any_value(bronze, signals):
    judged = judge_readings(bronze.rows(("flow", 0, None), ("flow", 1, 9e9), quality=BAD), signals)
    assert judged.kept.height == 2
    assert judged.kept.with_columns(far=beyond_contract())["far"].to_list() == [0.0, 0.0]


def test_the_sample_received_last_wins(bronze, signals):
    judged = judge_readings(bronze.rows(("flow", 0, 1.0), ("flow", 0, 2.0), ("flow", 1, 3.0)), signals)
    assert judged.kept["value"].to_list() == [2.0, 3.0]
    assert judged.superseded["value"].to_list() == [1.0]


def test_no_row_is_lost_and_none_is_counted_twice(bronze, signals):
    rows = bronze.rows(("flow", 0, 1.0), ("flow", 0, 200.0), ("flow", 0, 2.0), ("nothing", 0, 1.0), ("flow", 5, -4.0))
    kept, rejected, superseded = judge_readings(rows, signals)
    assert kept.height + rejected.height + superseded.height == rows.height
    assert sorted([*kept["seq"], *rejected["seq"], *superseded["seq"]]) == [0, 1, 2, 3, 4]


def test_late_is_what_came_after_its_day_was_built(bronze, signals):
    first = judge_readings(bronze.rows(("flow", 0, 1.0), ("flow", 1, 2.0)), signals).kept
    built = mark_late(first, first.with_columns(late=False).clear())
    assert built["late"].to_list() == [False, False]
    more = judge_readings(bronze.rows(("flow", 0, 1.0), ("flow", 1, 2.0), ("flow", 2, 3.0)), signals).kept
    again = mark_late(more, built)
    assert again["late"].to_list() == [False, False, True]
    assert mark_late(more, again)["late"].to_list() == [False, False, True]


def test_late_on_a_day_that_was_built_without_a_row(bronze, signals):
    rows = judge_readings(bronze.rows(("flow", 0, 1.0)), signals).kept
    nothing = rows.with_columns(late=False).clear()
    (day,) = rows["date"]
    assert mark_late(rows, nothing, {day})["late"].to_list() == [True]
    assert mark_late(rows, nothing, {day + timedelta(days=1)})["late"].to_list() == [False]


def test_events_are_kept_once_and_impossible_ones_rejected(bronze, signals):
    rows = bronze.rows(("x", 0, 0.0), ("x", 1, 0.0), ("x", 2, 0.0)).with_columns(
        event_id=pl.Series(["a", "a", "b"]),
        fault_code=pl.lit("DRY"),
        severity=pl.Series([95, 95, 300], dtype=pl.Int32),
        state=pl.lit("raised"),
        message=pl.lit("Dry."),
    )
    judged = judge_events(rows.drop("signal", "value", "text", "quality"), signals)
    assert judged.kept["seq"].to_list() == [1]
    assert judged.superseded["seq"].to_list() == [0]
    assert judged.rejected["reason"].to_list() == ["severity is not between 0 and 100"]
    row = quarantined_events(judged).to_dicts()[0]
    assert (row["kind"], row["signal"], row["value"], row["text"]) == ("event", "DRY", 300.0, "raised")
