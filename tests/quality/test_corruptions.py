"""Planted corruptions, each caught by exactly what should catch it, and clean recordings that alarm nobody.

Eight clean days of a pump make the reference; the ninth is corrupted. Everything runs on frames.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from assets.catalogue import ContractedSite, catalogue
from assets.silver.inspection import Inspection
from assets.silver.judge import beyond_contract, beyond_physics, doubt, judge_events, judge_readings
from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from lake.tables import table
from quality.balance import books_balance
from quality.expected import BEYOND_CONTRACT, BEYOND_PHYSICS, expectations
from quality.reference import first_days, references
from quality.validation import validate
from tests.quality.recorded import recorded

Frame = pl.DataFrame
START = datetime(2024, 3, 4, tzinfo=UTC)
DAYS, LAST = 9, date(2024, 3, 12)
SIGNALS = {
    "flow": ("l/min", None), "pressure": ("bar", None), "temperature": ("degC", None), "draw": ("A", None),
    "running": ("1", "running"), "pieces": ("1", "count"),
}  # fmt: skip
LIMITS = {"draw": {"minimum": 0, "maximum": 20}, "pressure": {"minimum": 0}}


def _site() -> ContractedSite:
    units = [{"name": name, "unit": unit, "role": role} for name, (unit, role) in SIGNALS.items()]
    for one in units:
        if one["role"] is None:
            del one["role"]
    site = {"tenant": "mill-co", "site": "mill", "protocol": "opcua"}
    equipment = [{"id": "pump-1", "type": "pump", "signals": units}]
    promised = [
        {"name": name, "logicalType": "number", "logicalTypeOptions": LIMITS.get(name, {}),
         "customProperties": [{"property": "unit", "value": unit}]}
        for name, (unit, _) in SIGNALS.items()
    ]  # fmt: skip
    contract = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "mill", "version": "1.0.0",
        "schema": [{"name": "pump", "properties": promised}],
    }  # fmt: skip
    return ContractedSite(
        SiteFile.model_validate({**site, "equipment": equipment}), parse_contract(json.dumps(contract), where="test")
    )


CATALOGUE = catalogue([_site()])


def clean() -> Frame:
    """Nine days of a sample every half hour, received a second later."""
    noise = random.Random(7)
    rows: list[tuple[object, ...]] = []
    for n in range(DAYS * 48):
        ts = START + timedelta(minutes=30 * n)
        swing = math.sin(n / 7.6) + noise.uniform(-0.2, 0.2)
        values = (50 + 5 * swing, 6 + 0.4 * swing, 60 + 3 * swing, 8 + swing, 0.5 + swing / 3, 1000.0 + 10 * n)
        for row_no, (signal, value) in enumerate(zip(SIGNALS, values, strict=True)):
            rows.append(("mill", "pump-1", signal, ts, value, None, 0, "b/1/readings-live", n, row_no))
    names = ["site", "equipment_id", "signal", "ts", "value", "text", "quality", "lane", "seq", "row_no"]
    kinds = {"text": pl.String, "row_no": pl.Int32}
    frame = pl.DataFrame(rows, schema=names, schema_overrides=kinds, orient="row")
    return dated(frame.with_columns(received_at=pl.col("ts") + pl.duration(seconds=1)))


def dated(frame: Frame) -> Frame:
    return frame.with_columns(pl.col("ts", "received_at").cast(pl.Datetime("us", "UTC"))).with_columns(
        date=pl.col("ts").dt.date()
    )


CLEAN = clean()
LAST_DAY = pl.col("date") == LAST


def on(signal: str, value: pl.Expr, when: pl.Expr = LAST_DAY) -> Callable[[Frame], Frame]:
    """A signal's values changed on the last day."""
    hit = when & (pl.col("signal") == signal)
    return lambda rows: rows.with_columns(value=pl.when(hit).then(value).otherwise("value"))


def once(of: str, **columns: object) -> Callable[[Frame], Frame]:
    """One row of the last day changed."""
    hit = (pl.col("signal") == of) & (pl.col("ts") == datetime(2024, 3, 12, 10, tzinfo=UTC))
    return lambda rows: rows.with_columns(
        **{name: pl.when(hit).then(pl.lit(new, rows.schema[name])).otherwise(name) for name, new in columns.items()}
    )


SOON = pl.col("date") == date(2024, 3, 6)
EVER_SINCE = pl.col("date") >= date(2024, 3, 6)
YOUNG: dict[str, tuple[Callable[[Frame], Frame], str]] = {
    "psi from the third day on": (
        on("pressure", pl.col("value") * 14.503774, EVER_SINCE), "looks like psi where the contract promises bar"
    ),
    "Fahrenheit from the third day on": (
        on("temperature", pl.col("value") * 1.8 + 32, EVER_SINCE), "looks like degF where the contract promises degC"
    ),
    "cubic metres on the third day": (
        on("flow", pl.col("value") * 0.06, SOON), "looks like m^3/hour where the contract promises l/min"
    ),
    "stuck on the third day": (on("flow", pl.lit(51.5), SOON), "sensor is stuck: 51.5 l/min all day"),
}  # fmt: skip


def without(condition: pl.Expr) -> Callable[[Frame], Frame]:
    return lambda rows: rows.filter(~condition)


def renamed(rows: Frame) -> Frame:
    hit = LAST_DAY & (pl.col("signal") == "flow")
    return rows.with_columns(signal=pl.when(hit).then(pl.lit("flow_rate")).otherwise("signal"))


def replayed(rows: Frame) -> Frame:
    at = START + timedelta(days=DAYS, hours=2)
    again = rows.filter(LAST_DAY).with_columns(pl.col("seq") + 10_000, received_at=pl.lit(at))
    return pl.concat([rows, dated(again)])


def two_bridges(rows: Frame) -> Frame:
    other = rows.filter(LAST_DAY).with_columns(
        pl.col("ts", "received_at") + timedelta(minutes=7), lane=pl.lit("other/1/readings-live")
    )
    return pl.concat([rows, other])


def in_local_time(rows: Frame) -> Frame:
    behind = pl.when(LAST_DAY).then(timedelta(hours=5)).otherwise(timedelta())
    return dated(rows.with_columns(received_at=pl.col("received_at") + behind))


def bad_all_day(rows: Frame) -> Frame:
    hit = LAST_DAY & (pl.col("signal") == "temperature")
    return rows.with_columns(
        value=pl.when(~hit).then("value"), quality=pl.when(hit).then(0x809B0000).otherwise("quality")
    )


def machine_bad_all_day(rows: Frame) -> Frame:
    return rows.with_columns(
        value=pl.when(~LAST_DAY).then("value"),
        quality=pl.when(LAST_DAY).then(0x809B0000).otherwise("quality"),
    )


FALL = pl.col("ts") >= datetime(2024, 3, 12, 12, tzinfo=UTC)
NOON = pl.col("ts") == datetime(2024, 3, 12, 12, tzinfo=UTC)
VALUE = pl.col("value")
PLANTED: dict[str, tuple[Callable[[Frame], Frame], str]] = {
    "a signal nobody knows": (once("flow", signal="secret"), "the site has no such signal"),
    "a machine nobody knows": (once("flow", equipment_id="pump-9"), "the site has no such signal"),
    "good, and no value": (once("flow", value=None), "quality is good but there is no value"),
    "a text for a number": (once("flow", value=None, text="n/a"), "a text where the contract promises a number"),
    "not a number": (once("flow", value=math.inf), "quality is good but the value is no number"),
    "larger than anything": (
        once("flow", value=3.4e38), "not possible: nothing in a plant is that large, and sums of it are no numbers"
    ),
    "a counter that cannot count on": (
        on("pieces", pl.lit(2.0**63)), "not possible: a counter is never so large that one more makes no difference"
    ),
    "above the contract": (once("draw", value=25.0), "above the contract's maximum of 20.0 A"),
    "below the contract": (once("draw", value=-1.0), "below the contract's minimum of 0.0 A"),
    "a pump runs backwards": (once("flow", value=-3.0), "not possible: no pump runs at negative flow"),
    "colder than cold": (once("temperature", value=-300.0), "not possible: nothing is colder than absolute zero"),
    "runs seven times": (once("running", value=7.0), "not possible: a signal with role running is between 0 and 1"),
    "a negative count": (once("pieces", value=-5.0), "not possible: a counter is never negative"),
    "bar becomes psi": (on("pressure", VALUE * 14.503774), "looks like psi where the contract promises bar"),
    "Celsius becomes Fahrenheit": (
        on("temperature", VALUE * 1.8 + 32), "looks like degF where the contract promises degC"
    ),
    "litres become cubic metres": (
        on("flow", VALUE * 0.06), "looks like m^3/hour where the contract promises l/min"
    ),
    "a stuck sensor": (on("flow", pl.lit(51.5)), "sensor is stuck: 51.5 l/min all day"),
    "a clock in local time": (in_local_time, "time is not UTC: every sample is 5.0 h behind"),
    "a counter misread": (once("pieces", value=3.0), "a counter that leaves its course and is back: misread"),
    "a counter misread high": (once("pieces", value=2.0**40), "a counter that leaves its course and is back: misread"),
    "a counter set back": (on("pieces", VALUE / 2, FALL), "counters_only_rise"),
    "a counter restarted": (on("pieces", VALUE - 5080, FALL), "counters_do_not_restart"),
    "a day without a value": (bad_all_day, "signals_have_values"),
    "a machine without a value": (machine_bad_all_day, "machines_have_values"),
    "a file replayed": (replayed, "rows_come_once"),
    "two bridges": (two_bridges, "one_bridge_a_machine"),
    "a signal vanished": (without(LAST_DAY & (pl.col("signal") == "draw")), "schema_is_kept"),
    "polled too seldom": (
        without(LAST_DAY & (pl.col("signal") == "draw") & (pl.col("seq") % 4 > 0)), "volume_is_kept"
    ),
    "a sensor's offset": (on("temperature", VALUE + 30), "distribution_is_kept"),
}  # fmt: skip
TOLD_BY_REASON = {"readings_are_believed"}
"""Says of rows in quarantine that they are there: no second alarm."""


def alarms(bronze: Frame, signals: Frame) -> set[str]:
    """Reasons in quarantine, and checks that do not pass, of one build over all of bronze."""
    judged = judge_readings(bronze, signals)
    first = first_days(judged.kept)
    believed, _ = doubt(judged, references(judged.kept.clear(), []), first)
    reference = references(believed.kept, judged.kept["date"].unique().to_list())
    judged, doubted = doubt(judged, reference, first)
    beyond = {BEYOND_CONTRACT: beyond_contract(), BEYOND_PHYSICS: beyond_physics()}
    inspection = Inspection(signals)
    inspection.add(bronze, judged, doubted, reference)
    outcomes = [
        *inspection.outcomes(),
        *validate(judged.kept.with_columns(**beyond), expectations(table("silver.readings"))),
    ]
    failed = {one.check for one in outcomes if not one.passed}
    assert judged.kept.height + judged.rejected.height + judged.superseded.height == bronze.height
    assert ("readings_are_believed" in failed) == (doubted.height > 0)
    assert all(one.observed and one.remedy for one in outcomes if not one.passed)
    return (failed - TOLD_BY_REASON) | set(judged.rejected["reason"])


@pytest.mark.parametrize("name", PLANTED)
def test_each_corruption_is_caught_by_exactly_its_check(name: str) -> None:
    corrupt, caught = PLANTED[name]
    rows = corrupt(CLEAN)
    assert not rows.equals(CLEAN)
    assert alarms(rows, CATALOGUE) == {caught}


@pytest.mark.parametrize("name", YOUNG)
def test_before_there_is_a_reference_the_first_day_tells(name: str) -> None:
    corrupt, caught = YOUNG[name]
    assert alarms(corrupt(CLEAN), CATALOGUE) == {caught}


def test_a_machine_that_stands_or_changes_its_load_in_its_first_days_alarms_nobody() -> None:
    signal = pl.col("signal")
    weekend = CLEAN.with_columns(
        value=pl.when(SOON & (signal == "running")).then(0.0)
        .when(SOON & (signal == "flow")).then(0.0)
        .when(SOON & (signal == "pressure")).then(1.0)
        .when(SOON & (signal == "pieces")).then(1960.0)
        .otherwise("value")
    )  # fmt: skip
    assert alarms(weekend, CATALOGUE) == set()
    halved = on("flow", VALUE / 2, SOON)(on("draw", VALUE / 2, SOON)(CLEAN))
    assert alarms(halved, CATALOGUE) == set()


def test_a_signal_renamed_is_kept_apart_under_its_new_name_and_missed_under_the_old() -> None:
    assert alarms(renamed(CLEAN), CATALOGUE) == {"schema_is_kept", "the site has no such signal"}


def test_another_unit_takes_what_stays_inside_the_limits_along() -> None:
    rows = on("draw", VALUE * 1000)(CLEAN).with_columns(
        value=pl.when(LAST_DAY & (pl.col("signal") == "draw") & (pl.col("ts").dt.hour() == 3))
        .then(9.0)
        .otherwise("value")
    )
    assert alarms(rows, CATALOGUE) == {
        "above the contract's maximum of 20.0 A", "looks like mA where the contract promises A"
    }  # fmt: skip


def test_clean_days_and_a_sensor_within_its_tolerance_alarm_nobody() -> None:
    assert alarms(CLEAN, CATALOGUE) == set()
    assert alarms(once("pressure", value=-0.02)(CLEAN), CATALOGUE) == set()
    assert alarms(once("draw", value=-0.1)(CLEAN), CATALOGUE) == set()


@pytest.mark.parametrize(
    ("site", "machines", "told"), [("compressor", 1, {"machines_have_values"}), ("turbofan", 20, set())]
)
def test_the_recordings_of_the_demo_alarm_nobody(site: str, machines: int, told: set[str]) -> None:
    """But for a Sunday of which the compressor's recording holds 192 samples and not one value."""
    found = recorded(site, machines)
    assert alarms(found.bronze, found.signals) == told


def failing(name: str, rows: Frame) -> set[str]:
    return {one.check for one in validate(rows, expectations(table(name))) if not one.passed}


def row_of(name: str, **values: object) -> Frame:
    """One row of a table that nothing is wrong with but what `values` say."""
    schema = pl.DataFrame(table(name).schema.empty_table()).schema
    plain = {
        kind: pl.lit(value)
        for kind, value in (
            (pl.String, "x"), (pl.Float64, 1.0), (pl.Int64, 1), (pl.Int32, 1), (pl.Date, LAST),
            (pl.Datetime("us", "UTC"), START), (pl.Boolean, False),
        )
    }  # fmt: skip
    row = {name: plain[kind].cast(kind) for name, kind in schema.items()}
    return pl.select(**row).with_columns(**{k: pl.lit(v, schema[k]) for k, v in values.items()})


@pytest.mark.parametrize(
    ("name", "good", "bad", "caught"),
    [
        ("silver.fault_episodes", {"level": "info"}, {"level": "severe"}, "level_is_known"),
        ("silver.fault_episodes", {"level": "info"}, {"level": "info", "cleared_at": START - timedelta(1)},
         "raised_at_cleared_at_in_order"),
        ("silver.signal_hourly", {}, {"observed_s": 3700.0}, "observed_s_is_in_range"),
        ("silver.signal_hourly", {}, {"min": 5.0}, "min_max_in_order"),
        ("gold.kpi_daily", {"kpi": "mtbf"}, {"kpi": "mtbf", "value": -1.0}, "value_is_not_negative"),
        ("gold.kpi_daily", {"kpi": "oee", "unit": "percent"}, {"kpi": "oee", "unit": "percent", "value": 140.0},
         "percent_is_possible"),
        ("gold.kpi_daily", {"kpi": "mtbf", "unit": "hour", "value": 140.0}, {"kpi": "guess"}, "kpi_is_known"),
        ("gold.kpi_hourly", {"kpi": "oee"}, {"kpi": "mttr"}, "kpi_is_known"),
        ("gold.kpi_hourly", {"kpi": "oee"}, {"kpi": "oee", "observed_s": 3700.0}, "observed_s_is_in_range"),
        ("gold.remaining_life", {}, {"life_high": 0.5}, "life_median_life_high_in_order"),
        ("gold.health_daily", {}, {"anomaly_score": 1.5}, "anomaly_score_is_in_range"),
    ],
)  # fmt: skip
def test_a_table_that_contradicts_itself_fails_exactly_its_check(
    name: str, good: dict[str, object], bad: dict[str, object], caught: str
) -> None:
    assert failing(name, row_of(name, **good)) == set()
    assert failing(name, row_of(name, **bad)) == {caught}


def test_books_that_do_not_balance_and_impossible_events_are_caught() -> None:
    line = row_of("ops.books").with_columns(pl.col(pl.Int64) * 0)
    broken = line.with_columns(read=pl.lit(3))
    failed = [one.check for one in books_balance(broken) if not one.passed]
    assert failed == ["read_is_accounted_for"]
    event = row_of("bronze.events", site="mill", equipment_id="pump-1", state="raised", severity=300)
    assert judge_events(event, CATALOGUE).rejected["reason"].to_list() == ["severity is not between 0 and 100"]
