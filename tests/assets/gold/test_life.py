"""Remaining life: features, fit and what the model says, on machines whose wear is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assets.catalogue import SCHEMA
from assets.gold import life_fit, lives
from assets.gold.life_features import at_ends_of_days, drivers, feature_names, features, followed

pytestmark = pytest.mark.xdist_group("life")
START = datetime(2024, 1, 1, tzinfo=UTC)
SIGNALS = ["heat", "noise"]


def life(name: str, length: int, chance: np.random.Generator) -> pl.DataFrame:
    """A machine whose heat rises as its end comes near."""
    steps = np.arange(1, length + 1)
    heat = 100 + 10 * np.exp((steps - length) / 25) + chance.normal(0, 0.3, length)
    frames = [
        pl.DataFrame({"signal": [signal] * length, "value": values, "step": pl.Series(steps, dtype=pl.Int32)})
        for signal, values in (("heat", heat), ("noise", chance.normal(0, 1, length)))
    ]
    return (
        pl.concat(frames)
        .with_columns(
            site=pl.lit("fleet"),
            equipment_id=pl.lit(name),
            equipment_type=pl.lit("engine"),
            ts=pl.lit(START) + pl.duration(hours=pl.col("step") - 1),
            quality=pl.lit(0, dtype=pl.Int64),
        )
        .with_columns(date=pl.col("ts").dt.date())
    )


@pytest.fixture(scope="module")
def history() -> pl.DataFrame:
    chance = np.random.default_rng(7)
    return pl.concat([life(f"e{n}", int(chance.integers(120, 220)), chance) for n in range(40)])


@pytest.fixture(scope="module")
def recorded(history) -> pl.DataFrame:
    return lives.recorded_lives(history, pl.DataFrame(schema=dict(SCHEMA)), SIGNALS)


@pytest.fixture(scope="module")
def model(recorded) -> life_fit.LifeModel:
    return life_fit.fit(recorded, SIGNALS)


def test_cycles_left_count_down_to_the_last_row(recorded):
    ends = recorded.sort("age").group_by("equipment_id").last()
    assert set(ends["left"]) == {0.0}
    assert recorded.filter(pl.col("age") == 1)["left"].min() >= 119


def test_the_model_finds_the_wear(model):
    assert model.lives == 40
    assert model.rmse < 15
    assert 0.82 <= model.coverage <= 1.0


def test_ends_of_days_are_the_last_rows_of_the_features(history):
    chance = np.random.default_rng(3)
    of = pl.col("equipment_id").is_in(["e0", "e1", "e2"])
    samples = history.filter(of).with_columns(
        age=pl.when(pl.Series(chance.random(history.filter(of).height) > 0.3)).then(pl.col("step").cast(pl.Float64))
    )
    late_noise = (pl.col("signal") == "noise") & (pl.col("step") < 60)
    some = samples.filter(pl.Series(chance.random(samples.height) > 0.4) & ~late_noise)
    first_ts = START + timedelta(hours=70)
    base = pl.DataFrame({"equipment_id": ["e0", "e1"], "signal": ["heat", "noise"], "center": [100.0, 0.0]})
    base = base.with_columns(spread=pl.lit(1.0), last_ts=pl.lit(first_ts))
    days = [(START + timedelta(days=n)).date() for n in (0, 1, 2, 4, 5, 6)]
    known = features(some, base, SIGNALS).filter(pl.col("date").is_in(days))
    ends = known.group_by("equipment_id", "date", maintain_order=True).last()
    found = at_ends_of_days(some, followed(some, base, SIGNALS), SIGNALS, days).select(ends.columns)
    assert found.equals(ends) and ends.height > 12
    assert ends["distance_heat"].null_count() and ends["mean10_noise"].null_count() and ends["age"].null_count() == 0


def test_near_the_end_it_says_little_is_left_and_is_surer(model, recorded):
    ends = model.ask(recorded.filter(pl.col("left") == 5))
    early = model.ask(recorded.filter(pl.col("age") == 40))
    assert ends["life_median"].max() < 30 < early["life_median"].min()
    width = [(said["life_high"] - said["life_low"]).mean() for said in (ends, early)]
    assert width[0] < width[1]
    assert (early["life_low"] <= early["life_median"]).all()
    assert (early["life_median"] <= early["life_high"]).all()


def test_the_same_lives_give_the_same_model_and_it_survives_storage(model, recorded):
    rows = recorded.head(50)
    again = life_fit.fit(recorded, SIGNALS)
    assert again.ask(rows).equals(model.ask(rows))
    assert life_fit.LifeModel.from_bytes(model.to_bytes()).ask(rows).equals(model.ask(rows))


def test_the_version_changes_with_lives_and_signals():
    versions = {life_fit.version_of("engine", v, s) for v in (1, 2) for s in (["a"], ["a", "b"])}
    assert len(versions) == 4
    assert life_fit.version_of("engine", 1, ["b", "a"]) == life_fit.version_of("engine", 1, ["a", "b"])


def test_a_running_machine_has_the_features_it_had_in_the_record(history, recorded):
    one = history.filter(pl.col("equipment_id") == "e3").with_columns(role=pl.lit(None, dtype=pl.String))
    first = pl.DataFrame({"equipment_id": ["e3"], "first_ts": [START]})
    samples = lives.ages(one, first, lives.step_length(history))
    base = pl.DataFrame(
        {
            "equipment_id": ["e3"],
            "signal": ["heat"],
            "center": [1.0],
            "spread": [1.0],
            "last_ts": [START + timedelta(days=99)],
        }
    )
    columns = [name for name in feature_names(SIGNALS) if not name.startswith("distance")]
    live = features(samples, base, SIGNALS).select(columns)
    assert live.equals(recorded.filter(pl.col("equipment_id") == "fleet/e3").select(columns))


def test_age_is_what_the_counter_shows_if_there_is_one(history):
    rows = history.filter(pl.col("equipment_id") == "e3").with_columns(role=pl.lit(None, dtype=pl.String))
    counter = rows.filter(pl.col("signal") == "noise").with_columns(
        signal=pl.lit("cycle"), role=pl.lit("count"), value=pl.col("step") + 500.0
    )
    first = pl.DataFrame({"equipment_id": ["e3"], "first_ts": [START]})
    aged = lives.ages(pl.concat([rows, counter]), first, lives.step_length(history))
    assert aged.filter((pl.col("signal") == "heat") & (pl.col("step") == 7))["age"].to_list() == [507.0]
    assert lives.uncounted(pl.concat([rows, counter])).is_empty()
    for late in (counter.slice(1), counter.clear()):
        assert lives.uncounted(pl.concat([rows, late]))["equipment_id"].to_list() == ["e3"]


def test_drivers_name_what_left_its_baseline_and_since_when(history):
    one = history.filter(pl.col("equipment_id") == "e3")
    base = pl.DataFrame(
        {
            "equipment_id": ["e3", "e3"],
            "signal": SIGNALS,
            "center": [100.2, 0.0],
            "spread": [0.5, 1.0],
            "last_ts": [START + timedelta(days=1)] * 2,
        }
    )
    said = drivers(followed(one, base, SIGNALS)).sort("date")["drivers"].to_list()[-1]
    assert said.startswith("heat ")
    assert "spreads above its own baseline since 2024-01-" in said
    assert "noise" not in said


@pytest.mark.parametrize(
    ("cycle", "days"), [(timedelta(hours=1), 30), (timedelta(hours=12), 60), (timedelta(days=1), 120)]
)
def test_a_day_alone_has_the_features_that_it_has_in_a_range(history, cycle, days):
    """However long a cycle takes: what is read of the days before is enough."""
    of_machine = (pl.col("equipment_id") == "e3") & (pl.col("step") > 0)
    length = timedelta(hours=1)
    slow = history.filter(of_machine).with_columns(
        ts=pl.lit(START) + (pl.col("ts") - START) * (cycle // length), age=pl.col("step").cast(pl.Float64)
    )
    slow = slow.with_columns(date=pl.col("ts").dt.date())
    assert lives.days_back(cycle) == days
    base = pl.DataFrame(
        {"equipment_id": ["e3"], "signal": ["heat"], "center": [100.0], "spread": [1.0], "last_ts": [START]}
    )
    since = slow["date"].max() - timedelta(days=days)
    whole, alone = (features(rows, base, SIGNALS).tail(1) for rows in (slow, slow.filter(pl.col("date") >= since)))
    for name in feature_names(SIGNALS):
        assert alone[name].item() == pytest.approx(whole[name].item(), rel=1e-3, abs=1e-2), name


def test_drivers_do_not_date_what_began_before_the_days_that_are_read(history):
    one = history.filter(pl.col("equipment_id") == "e3").with_columns(
        ts=pl.lit(START) + pl.duration(days=pl.col("step")), value=pl.lit(120.0)
    )
    one = one.with_columns(date=pl.col("ts").dt.date())
    base = pl.DataFrame(
        {"equipment_id": ["e3"], "signal": ["heat"], "center": [100.0], "spread": [1.0], "last_ts": [START]}
    )
    last = one["date"].max()
    alone = one.filter(pl.col("date") >= last - timedelta(days=30))
    for rows in (one, alone):
        said = drivers(followed(rows, base, SIGNALS), 30).filter(pl.col("date") == last)["drivers"].item()
        assert said == "heat 20.0 spreads above its own baseline for 30 days or more"


def test_only_forwarded_recorded_signals_that_nobody_counts_are_used():
    catalogue = pl.DataFrame(
        {"base": ["heat", "cycle", "noise"], "role": [None, "count", None]}, schema_overrides={"role": pl.String}
    )
    assert lives.usable_signals(catalogue, ["heat", "cycle", "speed"], ["heat", "cycle", "noise"]) == ["heat"]
