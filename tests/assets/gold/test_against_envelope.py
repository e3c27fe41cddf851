"""Days against an envelope, in words: a press at two speeds, warmer at the higher one."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.gold.against_envelope import judged, machine_days, signal_days
from assets.gold.commissioned import envelopes
from lake.tables.envelopes import ENVELOPE, ENVELOPE_DAILY, ENVELOPE_SIGNAL_DAILY

MONDAY = date(2024, 3, 4)
DAY = MONDAY + timedelta(days=15)
FROM = 15 * 24
DAYS = [MONDAY + timedelta(days=n) for n in range(20)]


@pytest.fixture
def press(gold):
    """Sixteen days: 100 rpm by night and 200 by day, the motor at 50 degC and 80; the last as `odd` says by hour."""

    def record(odd=lambda hour, turns, heat: (turns, heat)) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows, chance = [], np.random.default_rng(5)
        for n in range(16 * 24):
            turns, heat = (200.0, 80.0) if n % 24 >= 12 else (100.0, 50.0)
            turns, heat = odd(n - FROM, turns, heat) if n >= FROM else (turns, heat)
            rows += [
                gold.hour(n, turns, "speed", signal="turns", unit="rpm"),
                gold.hour(n, heat + chance.normal(0, 0.5), signal="motor", unit="degC"),
                gold.hour(n, 10.0 + chance.normal(0, 0.1), signal="load"),
            ]
        hourly = gold.hours(*rows)
        return hourly, envelopes(hourly, {})

    return record


def told(hourly: pl.DataFrame, found: pl.DataFrame, days: list[date] = DAYS) -> tuple[pl.DataFrame, pl.DataFrame]:
    machines, signals = judged(hourly, found, days)
    by_signal, by_machine = signal_days(signals), machine_days(machines, signals)
    ENVELOPE_SIGNAL_DAILY.conform(by_signal.select(ENVELOPE_SIGNAL_DAILY.schema.names).to_arrow())
    ENVELOPE_DAILY.conform(by_machine.select(ENVELOPE_DAILY.schema.names).to_arrow())
    return by_signal, by_machine


def of(rows: pl.DataFrame, signal: str | None = None) -> dict[str, object]:
    found = rows.filter(pl.col("date") == DAY)
    return (found if signal is None else found.filter(pl.col("signal") == signal)).row(0, named=True)


def test_a_day_as_when_commissioned_is_within_its_limits(press):
    by_signal, by_machine = told(*press())
    day = of(by_machine)
    assert set(by_machine["date"]) == {MONDAY + timedelta(days=n) for n in (14, 15)}
    assert (day["hours"], day["hours_pooled"]) == (24, 0)
    assert day["hours_outside"] <= 1
    assert day["distance"] < 0.8
    assert abs(of(by_signal, "motor")["deviation"]) < 0.4


def test_the_reason_says_since_when_how_much_and_at_what(press):
    by_signal, by_machine = told(*press(lambda hour, turns, heat: (turns, heat + (6.2 if hour >= 14 else 0))))
    day = of(by_machine)
    words = r"since 14:00, motor (6\.\d+) degC above what is usual at turns 175 to 225 rpm"
    said = re.fullmatch(words, str(day["reason"]))
    assert said is not None, day["reason"]
    assert float(said[1]) == pytest.approx(6.2, abs=0.4)
    assert (day["top_signal"], day["since"]) == ("motor", datetime(2024, 3, 19, 14, tzinfo=UTC))
    assert 10 <= day["hours_outside"] <= 11
    motor = of(by_signal, "motor")
    assert motor["reason"] == day["reason"]
    assert motor["hours_outside"] == 10
    assert motor["deviation"] == pytest.approx(6.2 * 10 / 24, abs=0.3)
    assert motor["anomaly_score"] > 0.5 > of(by_signal, "load")["anomaly_score"]


def test_heat_that_is_usual_at_the_higher_speed_is_found_at_the_lower(press):
    odd = told(*press(lambda hour, turns, heat: (turns, 80.0 if 3 <= hour < 7 else heat)))[1]
    day = of(odd)
    assert re.match(r"from 03:00 to 07:00, motor 30\S* degC above what is usual at turns 75 to 125 rpm", day["reason"])
    assert (day["hours_outside"] - 4, day["condition"]) in {(0, 1), (1, 1)}


def test_a_whole_day_outside_and_one_under_a_condition_never_seen_say_so(press):
    colder = of(told(*press(lambda hour, turns, heat: (turns, heat - 9)))[1])
    assert str(colder["reason"]).startswith("in every hour, motor ")
    assert " degC below what is usual at turns " in str(colder["reason"])
    new = of(told(*press(lambda hour, turns, heat: (400.0, 120.0)))[1])
    assert str(new["reason"]).endswith("above what is usual over all conditions; commissioning did not know this one")
    assert (new["hours_pooled"], new["condition"], new["settings"]) == (24, 0, "all conditions")


def test_an_hour_under_a_condition_never_seen_is_neither_inside_nor_outside(press):
    def odd(hour: int, turns: float, heat: float) -> tuple[float, float]:
        return (400.0, 120.0) if 4 <= hour < 10 else (turns, heat)

    by_signal, by_machine = told(*press(odd))
    day = of(by_machine)
    assert day["hours_pooled"] == 6
    assert day["hours_outside"] <= 1
    assert of(by_signal, "turns")["hours_outside"] <= 1
    quiet = of(by_signal, "turns")
    assert quiet["since"] == datetime(2024, 3, 19, 4, tzinfo=UTC)
    assert str(quiet["reason"]).startswith("from 04:00 to 10:00, turns ")
    # A shorter run outside known limits speaks before a longer one under what nobody has seen.
    both = of(told(*press(lambda *at: (at[1], at[2] + 9) if 15 <= at[0] < 19 else odd(*at)))[1])
    assert str(both["reason"]).startswith("from 15:00 to 19:00, motor ")
    assert both["hours_pooled"] == 6
    assert both["hours_outside"] >= 4


def test_a_day_alone_is_the_same_as_in_a_range_and_none_comes_before_the_envelope(press):
    hourly, found = press(lambda hour, turns, heat: (turns, heat + hour / 4))
    whole, alone = told(hourly, found), told(hourly.filter(pl.col("date") == DAY), found, [DAY])
    for one, other in zip(whole, alone, strict=True):
        assert_frame_equal(one.filter(pl.col("date") == DAY), other)
    before = told(hourly, found, [MONDAY])
    nothing = told(hourly, pl.DataFrame(schema=pl.Schema(ENVELOPE.schema)))
    assert all(rows.is_empty() for rows in (*before, *nothing))


def test_a_signal_in_another_unit_than_when_commissioned_is_not_held_against_it(press):
    hourly, found = press()
    fahrenheit = pl.when(pl.col("signal") == "motor")
    changed = hourly.with_columns(
        mean=fahrenheit.then(pl.col("mean") * 1.8 + 32).otherwise("mean"),
        unit=fahrenheit.then(pl.lit("degF")).otherwise("unit"),
    )
    by_signal, by_machine = told(changed, found)
    assert "motor" not in by_signal["signal"].to_list()
    assert by_machine["hours_outside"].max() <= 2
