"""One step of the contract, against fates worked out by hand."""

from __future__ import annotations

import math

import pytest

from bridge.contract.counts import REDELIVERED
from bridge.contract.engine import States, Step, step
from bridge.contract.plan import plan_site
from bridge.contract.rules import event_id
from bridge.contract.state import SeriesState
from core.contracts.quality import BAD, BAD_NO_DATA, CALCULATED, GOOD, UNCERTAIN
from core.contracts.reading import COUNT_COLUMNS, READING_SCHEMA, Sample, readings_to_arrow, to_us

S = 1_000_000
HOUR = 3600 * S
FLOW = "- name: flow\n  customProperties:\n    - {property: unit, value: '1'}\n"


def run(built, samples, states: States | None = None, notes=()) -> Step:
    plan = plan_site(built.site, built.contract)
    return step(plan, states if states is not None else {}, [readings_to_arrow("loop", samples)], notes)


def rows(made: Step) -> list[tuple]:
    return [(r["signal"], to_us(r["ts"]) // S, r["value"], r["text"], r["quality"]) for r in made.rows.to_pylist()]


def line(made: Step, signal: str, hour: int = 0, equipment: str = "p1") -> dict[str, int]:
    known = dict(zip(COUNT_COLUMNS, made.counts.upstream[equipment, signal, hour], strict=True))
    return {name: number for name, number in known.items() if number}


def flow(second: float, value: float | None, quality: int = GOOD, text: str | None = None) -> Sample:
    return Sample("p1", "flow", int(second * S), value, text, quality)


def test_an_empty_contract_withholds_everything_under_one_name(build) -> None:
    built = build("- name: level\n")
    made = run(built, [flow(1, 1.0), flow(2, math.nan), flow(3, None, BAD)])
    assert made.rows.num_rows == 0
    assert made.counts.upstream.keys() == {("p1", "*", 0)}
    assert line(made, "*") == {"read": 3, "withheld": 3}
    assert made.counts.local.keys() == {("p1", "flow")}


def test_a_plain_signal_leaves_as_it_is_and_nan_leaves_as_a_word(build) -> None:
    samples = [
        flow(1, 1.5),
        flow(2, math.nan),
        flow(3, math.inf),
        flow(4, -math.inf, UNCERTAIN),
        flow(5, None, BAD_NO_DATA),
        flow(6, None, GOOD, "running"),
    ]
    made = run(build(FLOW), samples)
    assert rows(made) == [
        ("flow", 1, 1.5, None, GOOD),
        ("flow", 2, None, "nan", BAD),
        ("flow", 3, None, "inf", BAD),
        ("flow", 4, None, "-inf", BAD),
        ("flow", 5, None, None, BAD_NO_DATA),
        ("flow", 6, None, "running", GOOD),
    ]
    assert made.rows.schema.equals(READING_SCHEMA)
    assert line(made, "flow") == {"read": 6, "contracted": 6, "forwarded": 6}


def test_the_name_of_a_withheld_signal_does_not_leave_with_the_others(build) -> None:
    made = run(build(FLOW), [flow(1, 1.0), Sample("p1", "level", S, 2.0, None, GOOD), flow(2, 2.0)])
    assert [r["value"] for r in made.rows.to_pylist()] == [1.0, 2.0]
    assert made.rows.column("signal").dictionary.to_pylist() == ["flow"]


def test_counts_fall_into_the_hour_of_the_reading(build) -> None:
    made = run(build(FLOW), [flow(1, 1.0), flow(3599.999, 1.0), flow(3600, 1.0), flow(-1, 1.0)])
    assert line(made, "flow")["read"] == 2
    assert line(made, "flow", HOUR)["read"] == 1
    assert line(made, "flow", -HOUR)["read"] == 1


def test_deadband_looks_back_to_the_value_last_forwarded(build) -> None:
    built = build(FLOW + "    - {property: deadband, value: {absolute: 1}}\n")
    made = run(built, [flow(1, 0.0), flow(2, 0.6), flow(3, 1.0), flow(4, 1.1), flow(5, 0.0)])
    assert [r[2] for r in rows(made)] == [0.0, 1.1, 0.0]
    assert line(made, "flow") == {"read": 5, "contracted": 5, "forwarded": 3, "suppressed": 2}


def test_what_is_not_good_always_leaves_and_resets_nothing(build) -> None:
    built = build(FLOW + "    - {property: deadband, value: {absolute: 1}}\n")
    made = run(built, [flow(1, 10.0), flow(2, None, BAD), flow(3, 10.5), flow(4, 50.0, UNCERTAIN), flow(5, 10.5)])
    assert [(r[1], r[2]) for r in rows(made)] == [(1, 10.0), (2, None), (4, 50.0)]


def test_sampling_counts_from_the_last_forwarded_source_time(build) -> None:
    built = build(FLOW + "    - {property: sampling, value: PT10S}\n")
    made = run(built, [flow(second, float(second)) for second in (0, 9, 10, 12, 19, 20, 35, 44)])
    assert [r[1] for r in rows(made)] == [0, 10, 20, 35]


WINDOW = (
    "    - {property: windows, value: [{every: PT10S, aggregates: [mean, min, max, last, count], lateness: PT5S}]}\n"
)


def test_a_window_closes_by_the_series_own_newest_reading(build) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + WINDOW)
    states: States = {}
    first = run(built, [flow(10, 1.0), flow(12, 3.0), flow(19.9, 2.0), flow(20, 9.0), flow(24.9, 9.0)], states)
    assert rows(first) == []
    second = run(built, [flow(25, 9.0)], states)
    assert rows(second) == [
        ("flow:mean:PT10S", 10, 2.0, None, CALCULATED),
        ("flow:min:PT10S", 10, 1.0, None, CALCULATED),
        ("flow:max:PT10S", 10, 3.0, None, CALCULATED),
        ("flow:last:PT10S", 10, 2.0, None, CALCULATED),
        ("flow:count:PT10S", 10, 3.0, None, CALCULATED),
    ]
    assert line(first, "flow") == {"read": 5, "contracted": 5, "aggregated": 5}
    assert line(second, "flow:mean:PT10S") == {"windows": 1}


def test_a_late_reading_enters_until_its_window_is_closed(build) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + WINDOW)
    made = run(built, [flow(10, 1.0), flow(24, 5.0), flow(11, 3.0), flow(25, 5.0), flow(12, 100.0)])
    assert ("flow:mean:PT10S", 10, 2.0, None, CALCULATED) in rows(made)
    assert line(made, "flow") == {"read": 5, "contracted": 5, "aggregated": 4, "suppressed": 1}


def test_a_window_without_a_good_value_leaves_empty(build) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + WINDOW)
    made = run(built, [flow(10, None, BAD_NO_DATA), flow(11, math.nan), flow(12, 7.0, UNCERTAIN), flow(30, 1.0)])
    empty = BAD_NO_DATA | CALCULATED
    assert [(r[0], r[2], r[4]) for r in rows(made)] == [
        ("flow:mean:PT10S", None, empty),
        ("flow:min:PT10S", None, empty),
        ("flow:max:PT10S", None, empty),
        ("flow:last:PT10S", None, empty),
        ("flow:count:PT10S", 0.0, CALCULATED),
    ]
    assert line(made, "flow")["aggregated"] == 4


HOLDING = "    - {property: windows, value: [{every: PT10S, aggregates: [time_weighted_mean], lateness: PT5S}]}\n"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([flow(0, 1.0), flow(8, 6.0), flow(15, 0.0)], 2.0),  # an uneven pace does not weigh
        ([flow(-30, 4.0), flow(5, 2.0), flow(15, 0.0)], 3.0),  # what stood before holds into the window
        ([flow(0, 1.0), flow(4, None, BAD), flow(8, 3.0), flow(15, 0.0)], 10 / 6),  # nobody knows what held
        ([flow(0, 1.0), flow(8, 6.0), flow(4, 2.0), flow(15, 0.0)], 2.4),  # late, but not too late
        ([flow(0, 1.0), flow(9.5, 6.0), flow(4, 99.0), flow(15, 0.0)], 1.25),  # too late to hold time
        ([flow(0, 1.0), flow(5, 9.0), flow(5, 3.0), flow(15, 0.0)], 2.0),  # of two at one time the later
        ([flow(0, 1.0), flow(12, 7.0), flow(9, 11.0), flow(15, 0.0)], 2.0),  # late from beyond the window's end
        ([flow(0, None, BAD), flow(15, 0.0)], None),
    ],
)
def test_the_time_weighted_mean_asks_how_long_each_value_held(build, samples, expected) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + HOLDING)
    (found,) = [row for row in rows(run(built, samples)) if row[1] == 0]
    quality = BAD_NO_DATA | CALCULATED if expected is None else CALCULATED
    assert found == ("flow:time_weighted_mean:PT10S", 0, expected, None, quality)


def test_a_value_holds_through_windows_that_nobody_read_in(build) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + HOLDING)
    made = run(built, [flow(5, 4.0), flow(35, 6.0), flow(55, 0.0)])
    assert [(row[1], row[2]) for row in rows(made)] == [(0, 4.0), (30, 5.0)]


def test_only_readings_within_the_lateness_are_remembered(build) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + HOLDING)
    states: States = {}
    run(built, [flow(second / 10, 1.0) for second in range(10_000)], states)
    (state,) = states["p1", "flow"].windows.values()
    assert len(state.points) == 51
    assert SeriesState.load(states["p1", "flow"].dump()) == states["p1", "flow"]


def test_state_of_an_earlier_release_is_taken_up(build) -> None:
    built = build(FLOW + "    - {property: forward, value: false}\n" + WINDOW)
    old = '[null, 0, {"PT10S/PT5S/mean,min,max,last,count": [12, {"10": [2, 4.0, 1.0, 3.0, 3.0, 12]}]}, []]'
    scaled = old.replace("[12,", f"[{12 * S},").replace('"10"', f'"{10 * S}"').replace("3.0, 12]", f"3.0, {12 * S}]")
    made = run(built, [flow(19, 8.0), flow(25, 0.0)], {("p1", "flow"): SeriesState.load(scaled)})
    assert [row[2] for row in rows(made)] == [4.0, 1.0, 8.0, 8.0, 3.0]


def test_a_forwarded_reading_of_a_windowed_signal_counts_once(build) -> None:
    deadband = "    - {property: deadband, value: {absolute: 1}}\n"
    made = run(build(FLOW + deadband + WINDOW), [flow(10, 1.0), flow(11, 1.2), flow(12, 5.0), flow(13, math.nan)])
    assert line(made, "flow") == {"read": 4, "contracted": 4, "forwarded": 3, "aggregated": 1}


RULE = """
- name: overload
  equipment_type: pump
  signal: flow
  raise_when: ">"
  threshold: 10
  clear_at: 8
  fault_code: F1
  severity: 80
  message: too much
"""


def test_a_rule_watches_a_withheld_signal_and_has_hysteresis(build) -> None:
    built = build("- name: level\n", rules=RULE)
    values = [9.0, 10.0, 10.5, 9.0, 8.0, 11.0]
    made = run(built, [flow(n, value) for n, value in enumerate(values)] + [flow(9, 99.0, BAD), flow(10, math.inf)])
    assert [(e.ts_us // S, e.state, e.fault_code, e.severity) for e in made.events] == [
        (2, "raised", "F1", 80),
        (4, "cleared", "F1", 80),
        (5, "raised", "F1", 80),
    ]
    assert made.events[0].event_id == event_id("loop", "p1", "overload", 2 * S, "raised")
    assert line(made, "rule:overload") == {"rules": 3}
    assert line(made, "*") == {"read": 8, "withheld": 8}


def test_redeliveries_of_a_withheld_signal_keep_its_name_on_site(build) -> None:
    built = build("- name: level\n")
    made = run(built, [], notes=[{("p1", "flow", 0): [3, 1], ("p1", "level", 0): [2, 0]}])
    assert line(made, "*") == {"conflicting": 1}
    assert made.counts.local["p1", "flow"][REDELIVERED] == 3
    assert made.counts.local["p1", "level"][REDELIVERED] == 2


def test_re_reads_alone_tell_the_platform_nothing(build) -> None:
    made = run(build("- name: level\n"), [], notes=[{("p1", "level", 0): [2, 0]}])
    assert made.counts.upstream == {}


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_steps_of_any_size_with_state_written_between_come_to_the_same(build, cut: int) -> None:
    deadband = "    - {property: deadband, value: {percent: 20}}\n"
    windows = WINDOW.replace("mean,", "mean, time_weighted_mean,")
    built = build(FLOW + deadband + windows, rules=RULE, machines=("p1", "p2"))
    samples = [
        Sample(machine, "flow", (n * 1_700_000) % (40 * S) + n * 300_000, float(n * 7 % 13), None, GOOD)
        for n in range(60)
        for machine in ("p1", "p2")
    ]
    whole = run(built, samples)
    states: States = {}
    pieces = []
    for first in range(0, len(samples), cut):
        pieces.append(run(built, samples[first : first + cut], states))
        states = {series: SeriesState.load(state.dump()) for series, state in states.items()}
    assert sorted(map(repr, rows(whole))) == sorted(repr(row) for piece in pieces for row in rows(piece))
    assert {e.event_id for e in whole.events} == {e.event_id for piece in pieces for e in piece.events}
    read = sum(count for piece in pieces for count in (sum(v[0] for v in piece.counts.upstream.values()),))
    assert read == len(samples)
