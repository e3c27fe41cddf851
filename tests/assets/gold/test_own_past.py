"""Baseline, deviation and health: a machine against its own past."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.gold.own_past import SIGNAL, baseline, commissioning, completed, deviation_daily, health_daily

MONDAY = date(2024, 3, 4)
DAYS = [MONDAY + timedelta(days=n) for n in range(40)]
NO_LIVES = pl.DataFrame(schema={"equipment_type": pl.String, "needed": pl.Int64})


def wave(count: int, level: float = 10.0) -> list[float]:
    """Values that swing by one around a level."""
    return [level + (n % 3 - 1) for n in range(count)]


def test_the_baseline_is_complete_with_its_last_sample_and_then_frozen(gold):
    found = baseline(gold.readings("force", [*wave(336), *[99.0] * 200]), NO_LIVES, DAYS).to_dicts()
    assert [(row["samples"], row["center"], row["date"]) for row in found] == [(336, 10.0, MONDAY + timedelta(days=13))]


def test_two_weeks_suffice_with_thirty_samples(gold):
    sparse = gold.readings("force", wave(40)).with_columns(
        ts=pl.col("ts").min() + pl.duration(hours=12) * pl.int_range(40)
    )
    row = baseline(sparse.with_columns(date=pl.col("ts").dt.date()), NO_LIVES, DAYS).to_dicts()[0]
    assert (row["samples"], row["date"]) == (30, MONDAY + timedelta(days=14))


def test_a_type_whose_lives_are_recorded_is_commissioned_in_a_share_of_them(gold):
    lives = pl.DataFrame(
        {"site": ["s"] * 3, "equipment_type": ["press"] * 3, "equipment_id": ["a", "b", "c"], "step": [200, 400, 300]}
    )
    needed = commissioning(lives)
    assert needed.rows() == [("press", 45)]
    assert baseline(gold.readings("force", wave(60)), needed, DAYS)["samples"].to_list() == [45]


def test_neither_counters_nor_bad_samples_nor_an_unfinished_baseline(gold):
    assert baseline(gold.readings("pieces", wave(400), role="count"), NO_LIVES, DAYS).is_empty()
    assert baseline(gold.readings("force", wave(400), quality=0x80000000), NO_LIVES, DAYS).is_empty()
    assert baseline(gold.readings("force", wave(335)), NO_LIVES, DAYS).is_empty()


def test_days_alone_tell_which_one_completes_a_baseline_and_later_ones_may_stay_unread(gold):
    every_12_h = gold.readings("noise", wave(60)).with_columns(
        ts=pl.col("ts").min() + pl.duration(hours=12) * pl.int_range(60)
    )
    known = pl.concat([gold.readings("force", wave(400)), every_12_h, gold.readings("heat", wave(335))])
    dated = known.with_columns(date=pl.col("ts").dt.date())
    counts = dated.group_by(*SIGNAL, "date").agg(
        samples=pl.len().cast(pl.Int64), first=pl.col("ts").min(), last=pl.col("ts").max()
    )
    until = completed(counts, NO_LIVES, DAYS)
    whole = baseline(dated, NO_LIVES, DAYS)
    assert dict(until.select("signal", "until").iter_rows()) == dict(whole.select("signal", "date").iter_rows())
    assert sorted(until["signal"]) == ["force", "noise"]
    read = dated.join(until, on=SIGNAL).filter(pl.col("date") <= pl.col("until"))
    assert baseline(read, NO_LIVES, DAYS).equals(whole)
    assert completed(counts, NO_LIVES, DAYS[:13]).is_empty()


def test_the_spread_resists_outliers_and_never_vanishes(gold):
    noisy = wave(336)
    noisy[::40] = [1000.0] * len(noisy[::40])
    assert baseline(gold.readings("force", noisy), NO_LIVES, DAYS)["spread"].item() < 2.0
    assert baseline(gold.readings("force", [8.0] * 336), NO_LIVES, DAYS)["spread"].item() == pytest.approx(0.004)
    assert baseline(gold.readings("duty", [1.0] * 336, unit="1"), NO_LIVES, DAYS)["spread"].item() == 0.05


def test_deviation_begins_when_the_baseline_is_complete(gold):
    base = baseline(gold.readings("force", wave(336)), NO_LIVES, DAYS)
    hours = gold.hours(*(gold.hour(n, 15.0) for n in range(340, 364)), gold.hour(10, 99.0))
    found = deviation_daily(hours, base)
    spread = base["spread"].item()
    assert found["deviation"].to_list() == pytest.approx([5.0 / spread] * found.height)
    assert set(found["date"]) == {MONDAY + timedelta(days=14), MONDAY + timedelta(days=15)}


def test_health_says_which_signal_and_how_far():
    row = {"site": "s", "equipment_id": "e", "equipment_type": "t", "date": MONDAY}
    rows = [
        {**row, "signal": "current", "unit": "A", "mean": 5.25, "baseline": 2.0, "spread": 0.5, "deviation": 6.5},
        {**row, "signal": "duty", "unit": "1", "mean": 0.2, "baseline": 0.5, "spread": 0.1, "deviation": -3.0},
    ]
    found = health_daily(pl.DataFrame(rows)).to_dicts()[0]
    assert found["reason"] == "current 5.25 A, 6.5 spreads above its own baseline 2.0 A"
    assert found["anomaly_score"] == pytest.approx(6.5 / 12.5)
    below = health_daily(pl.DataFrame(rows[1:])).to_dicts()[0]
    assert below["reason"] == "duty 0.2, 3.0 spreads below its own baseline 0.5"
