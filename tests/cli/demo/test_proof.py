from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from bridge.contract.engine import step
from bridge.contract.plan import plan_site
from cli.demo.proof import EventRow, ReadingRow, compare, expected_rows
from core.contracts.data_contract import DataContract
from core.contracts.odcs import parse_contract
from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import Sample, readings_to_arrow, to_us
from core.contracts.site import SiteFile, load_site
from examples.plant.recording import Plant, read_recording

_SITE = """
tenant: newcomer-co
site: test-loop
protocol: {protocol}
recording: {{path: recording.csv, timestamp: {{column: t, format: epoch_s}}}}
equipment:
  - {{id: m, type: machine, signals: [{{name: a}}, {{name: b}}, {{name: secret}}]}}
"""
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: test
version: 1.0.0
schema:
  - name: machine
    properties:
      - name: a
        customProperties: [{a}]
      - name: b
        customProperties:
          - {{property: forward, value: false}}
          - {{property: windows, value: [{{every: PT1M, aggregates: [mean, min, max, last, count], lateness: PT10S}}]}}
customProperties:
  - property: rules
    value:
      - {{name: high, equipment_type: machine, signal: secret, raise_when: ">", threshold: 5, clear_at: 2,
         fault_code: HIGH, severity: 50, message: too high}}
"""
S = 1_000_000


def _load(folder: Path, rows: list[str], a: str = "", protocol: str = "opcua") -> tuple[SiteFile, DataContract, Plant]:
    (folder / "recording.csv").write_text("t,a,b,secret\n" + "".join(f"{row}\n" for row in rows))
    (folder / "site.yaml").write_text(_SITE.format(protocol=protocol))
    site, _ = load_site(folder / "site.yaml")
    return site, parse_contract(_CONTRACT.format(a=a), where="test"), read_recording(site, folder)


def _expect(folder: Path, rows: list[str], a: str = "", protocol: str = "opcua") -> list[ReadingRow]:
    readings, _ = expected_rows(*_load(folder, rows, a, protocol))
    return sorted(readings.elements(), key=lambda row: (row[1], row[2]))


def test_numbers_holes_texts_and_literals_leave_each_in_its_form(tmp_path: Path) -> None:
    assert _expect(tmp_path, ["0,1.1,,", "1,,,", "2,ERR,,", "3,nan,,", "4,-inf,,", "4,-inf,,"]) == [
        ("m", "a", 0, 1.1, None),
        ("m", "a", S, None, None),
        ("m", "a", 2 * S, None, "ERR"),
        ("m", "a", 3 * S, None, "nan"),
        ("m", "a", 4 * S, None, "-inf"),
    ]


def test_modbus_values_are_rounded_first(tmp_path: Path) -> None:
    (row,) = _expect(tmp_path, ["0,1.1,,"], protocol="modbus")
    assert row[3] == 1.100000023841858


def test_deadband_looks_back_to_the_value_last_forwarded(tmp_path: Path) -> None:
    rows = ["0,10,,", "1,11,,", "2,11.5,,", "3,,,", "4,11,,", "5,10.5,,", "6,10.4,,"]
    found = _expect(tmp_path, rows, "{property: deadband, value: {absolute: 1}}")
    assert [(ts // S, value) for _, _, ts, value, _ in found] == [(0, 10.0), (2, 11.5), (3, None), (6, 10.4)]


def test_sampling_forwards_one_value_in_its_duration(tmp_path: Path) -> None:
    rows = [f"{t},{t},," for t in (0, 4, 9, 10, 15, 25)]
    found = _expect(tmp_path, rows, "{property: sampling, value: PT10S}")
    assert [ts // S for _, _, ts, _, _ in found] == [0, 10, 25]


def test_windows_close_by_the_newest_reading_and_take_no_stragglers(tmp_path: Path) -> None:
    rows = ["0,,1,", "30,,3,", "65,,7,", "20,,2,", "70,,,", "50,,99,", "125,,nan,", "190,,,", "400,,1,"]
    found = {(name, ts // S): value for _, name, ts, value, _ in _expect(tmp_path, rows) if name != "a"}
    assert {ts for _, ts in found} == {0, 60, 120, 180}
    of = {
        aggregate: [found[f"b:{aggregate}:PT1M", ts] for ts in (0, 60, 120)] for aggregate in ("mean", "last", "count")
    }
    assert of == {"mean": [2.0, 7.0, None], "last": [3.0, 7.0, None], "count": [3.0, 1.0, 0.0]}
    assert found["b:min:PT1M", 0] == 1.0
    assert found["b:max:PT1M", 0] == 3.0


def test_the_time_weighted_mean_asks_how_long_each_value_held(tmp_path: Path) -> None:
    window = "{every: PT1M, aggregates: [time_weighted_mean], lateness: PT10S}"
    rows = ["0,1,,", "30,3,,", "65,7,,", "60,5,,", "20,99,,", "90,nan,,", "100,1,,", "140,8,,", "260,8,,"]
    cells = _expect(tmp_path, rows, f"{{property: forward, value: false}}, {{property: windows, value: [{window}]}}")
    held = [(5 * 5 + 7 * 25 + 1 * 20) / 50, (20 * 1 + 40 * 8) / 60]
    assert [(ts // S, value) for _, name, ts, value, _ in cells if name[0] == "a"] == [
        (0, 2.0),
        (60, held[0]),
        (120, held[1]),
    ]


def test_rules_watch_signals_that_stay_on_site(tmp_path: Path) -> None:
    rows = ["0,,,1", "1,,,6", "2,,,3", "3,,,nan", "4,,,2", "5,,,5"]
    _, events = expected_rows(*_load(tmp_path, rows))
    assert events == Counter([("m", S, "HIGH", "raised"), ("m", 4 * S, "HIGH", "cleared")])


def test_readings_inside_a_gap_are_not_expected(tmp_path: Path) -> None:
    readings, _ = expected_rows(*_load(tmp_path, [f"{t},{t},," for t in range(5)]), gaps=[("m", S, 4 * S)])
    assert [ts // S for _, _, ts, _, _ in sorted(readings)] == [0, 1, 4]


def test_differences_are_told_apart() -> None:
    one, two, three = (("m", "a", ts, 1.0, None) for ts in (1, 2, 3))
    apart = compare(Counter([one, two]), Counter([two, two, three]))
    assert (apart.lost, apart.duplicated, apart.unexpected) == (Counter([one]), Counter([two]), Counter([three]))


def _by_the_bridge(
    site: SiteFile, contract: DataContract, plant: Plant, frame: int
) -> tuple[Counter[ReadingRow], Counter[EventRow]]:
    """The same recording through the bridge's own engine, in frames of some steps."""
    plan, states = plan_site(site, contract), {}
    readings: Counter[ReadingRow] = Counter()
    events: Counter[EventRow] = Counter()
    (one,) = plant.units
    seen: set[object] = set()
    for first in range(0, one.rows, frame):
        samples: list[Sample] = []
        for row in range(first, min(first + frame, one.rows)):
            for signal, column in one.columns.items():
                cell = column.at(row)
                value, text = (None, cell) if isinstance(cell, str) else (cell, None)
                quality = GOOD if cell is not None else BAD_NO_DATA
                sample = Sample("m", signal, int(one.ts_us[row]), value, text, quality)
                identity = tuple("NaN" if part != part else part for part in sample)
                if identity not in seen:
                    seen.add(identity)
                    samples.append(sample)
        done = step(plan, states, [readings_to_arrow(site.site, samples)], [])
        for found in done.rows.to_pylist():
            readings[found["equipment_id"], found["signal"], to_us(found["ts"]), found["value"], found["text"]] += 1
        events.update((e.equipment_id, e.ts_us, e.fault_code, e.state) for e in done.events)
    return readings, events


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bridge_and_proof_agree_on_dirty_recordings(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    cells = ["", "nan", "inf", "-inf", "ERR", "0.0", "1.0", "2.0", "-3.5"]
    now, rows = 1_600_000_000, []
    for _ in range(1500):
        now += dice.choice([10, 10, 10, 10, 0, -50, 600, -10])
        rows.append(",".join([str(now), *(dice.choice([*cells, str(dice.gauss(3, 3))]) for _ in range(3))]))
    both = "{property: deadband, value: {percent: 20}}, {property: sampling, value: PT20S}"
    windows = "{property: windows, value: [{every: PT5M, aggregates: [mean, last, count]}]}"
    site, contract, plant = _load(tmp_path, rows, f"{both}, {windows}")
    assert _by_the_bridge(site, contract, plant, 97) == expected_rows(site, contract, plant)
