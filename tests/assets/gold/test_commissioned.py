"""Envelopes as rows: how long commissioning takes, what takes part, and that rows hold all that judging needs."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.gold.commissioned import by_machine, envelopes, restored
from lake.tables.envelopes import ENVELOPE

MONDAY = date(2024, 3, 4)


@pytest.fixture
def press(gold):
    """Hours since Monday: 100 rpm by night and 200 by day, the motor at 50 degC and 80, the load at 10 kN."""

    def record(hours: int, every: int = 1, **facts: object) -> pl.DataFrame:
        rows, chance = [], np.random.default_rng(5)
        for n in range(0, hours * every, every):
            fast = (n // every) % 24 >= 12
            rows += [
                gold.hour(n, 200.0 if fast else 100.0, "speed", signal="turns", unit="rpm", **facts),
                gold.hour(n, (80.0 if fast else 50.0) + chance.normal(0, 0.5), signal="motor", unit="degC", **facts),
                gold.hour(n, 10.0 + chance.normal(0, 0.1), signal="load", **facts),
                gold.hour(n, 10.0, signal="load:max:PT6H", **facts),
                gold.hour(n, float(n), "count", signal="pieces", **facts),
            ]
        return gold.hours(*rows)

    return record


def completed(rows: pl.DataFrame) -> list[tuple[int, date]]:
    return rows.filter(pl.col("condition") == 0).select("hours", "date").unique().rows()


def test_each_condition_is_named_with_its_limits_hours_and_units(press):
    rows = envelopes(press(400), {})
    motor = rows.filter(pl.col("signal") == "motor").sort("condition")
    assert rows.columns == ENVELOPE.schema.names
    assert motor["settings"].to_list() == ["all conditions", "turns 75 to 125 rpm", "turns 175 to 225 rpm"]
    assert motor["hours"].to_list() == [336, 168, 168]
    assert motor["center"].to_list() == pytest.approx([65, 50, 80], abs=0.2)
    assert motor["unit"].unique().to_list() == ["degC"]
    assert motor["high"].to_list()[1:] == pytest.approx([51.5, 81.5], abs=0.6)
    assert json.loads(motor["bands"][2]) == {"turns": [175.0, 225.0]}
    assert rows["stated_rate"].unique().to_list() == [0.01]
    assert rows["measured_rate"][0] <= 0.05
    assert rows["signal"].unique().sort().to_list() == ["load", "motor", "turns"]
    ENVELOPE.conform(rows.to_arrow())


def test_rows_hold_all_that_judging_needs(press):
    hours = next(by_machine(press(400)))
    found = restored(envelopes(press(400), {}).sort("condition", "signal"))
    again = restored(envelopes(press(336), {}).sort("condition", "signal"))
    values = hours.columns(found.signals)
    for one, other in zip(found.judge(values), again.judge(values), strict=True):
        assert np.array_equal(one, other)
    assert found.judge(values)[0].tolist() == [1 if n % 24 < 12 else 2 for n in range(400)]


def test_commissioning_takes_two_weeks_or_what_recorded_lives_say(press):
    assert envelopes(press(335), {}).is_empty()
    assert completed(envelopes(press(336), {})) == [(336, MONDAY + timedelta(days=13))]
    assert completed(envelopes(press(336), {"press": 48})) == [(48, MONDAY + timedelta(days=1))]
    assert completed(envelopes(press(40, every=12), {})) == [(30, MONDAY + timedelta(days=14))]
    assert envelopes(press(29, every=24), {}).is_empty()


def test_a_short_commissioning_goes_on_while_hours_are_in_no_condition(press):
    """Fifteen hours hold three of the higher speed."""
    assert completed(envelopes(press(336), {"press": 30})) == [(30, MONDAY + timedelta(days=1))]
    rare = envelopes(press(400), {"press": 15}).filter(pl.col("condition") > 0)
    assert rare.select("condition", "hours").unique().sort("condition").rows() == [(1, 18), (2, 12)]


def test_a_machine_that_sends_windows_only_is_judged_by_their_means(gold):
    chance = np.random.default_rng(2)
    rows = [
        gold.hour(n, 10 + chance.normal(), signal=f"force:{way}:PT1H") for n in range(336) for way in ("mean", "max")
    ]
    assert envelopes(gold.hours(*rows), {})["signal"].to_list() == ["force:mean:PT1H"]


def test_a_signal_that_is_mostly_absent_takes_no_part(press, gold):
    seldom = gold.hours(*(gold.hour(n, 5.0 + n % 3, signal="level") for n in range(0, 336, 6)))
    rows = envelopes(pl.concat([press(336), seldom]), {})
    assert "level" not in rows["signal"].to_list()
    assert rows["hours"][0] == 336
