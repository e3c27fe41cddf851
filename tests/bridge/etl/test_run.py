"""Runs of pipelines: what is loaded, what is refused and why, and that nothing is loaded twice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.driver import Scan
from bridge.etl.command import run_now
from bridge.etl.memory import runs
from bridge.store import StoreError
from core.contracts.reading import Sample
from core.errors import GoldlayerError, InputError
from core.settings import BridgeSettings

LAB = """
pipeline: lab
every: PT1H
source:
  files: {folder: DATA, pattern: "*.csv", format: csv, delimiter: ";", settle_s: 0}
transform:
  - rename: {Taken: ts, Tank: tank, pH: ph}
  - cast: {ts: {type: timestamp, format: "%d.%m.%Y %H:%M"}, ph: float}
  - filter: "tank != 'waste'"
  - derive: {tank: "'tank-' + tank"}
validate:
  - {column: ts, type: timestamp, not_null: true}
  - {column: ph, min: 0, max: 14}
load:
  readings: {equipment_column: tank, time: ts, signals: {ph: ph}}
"""
ROWS = """Taken;Tank;pH
01.03.2024 08:00;1;7.1
01.03.2024 09:00;2;6.9
01.03.2024 10:00;1;acid
01.03.2024 11:00;1;15
soon;1;7
01.03.2024 12:00;9;7
01.03.2024 13:00;waste;3
01.03.2024 14:00;1
01.03.2024 15:00;2;
"""
READINGS = [
    Sample("tank-1", "ph", 1_709_276_400_000_000, 7.1, None, 0),
    Sample("tank-2", "ph", 1_709_280_000_000_000, 6.9, None, 0),
]


def test_rows_become_readings_and_the_others_say_why_not(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text(ROWS)
    run = bench.run()
    assert (run.state, run.error) == ("done", None)
    assert (run.inputs, run.read, run.filtered, run.rejected, run.written, run.readings) == (1, 9, 1, 5, 3, 2)
    assert run.read == run.filtered + run.rejected + run.written
    assert bench.readings() == READINGS
    assert sorted(bench.refused(run)) == [
        (3, "'ph' is no float"),
        (4, "'ph' is above 14"),
        (5, "'ts' is no timestamp"),
        (6, "the site derives no 'ph' of 'tank-9'"),
        (8, "2 cells where the header has 3"),
    ]


def test_the_same_content_is_loaded_once(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text(ROWS)
    bench.run()
    (bench.data / "march (1).csv").write_text(ROWS)
    (bench.data / "march.csv").touch()
    again = bench.run()
    assert (again.inputs, again.read) == (0, 0)
    bench.reopen()
    assert bench.run().inputs == 0
    anew = bench.run(again=True)
    assert (anew.inputs, anew.written, anew.readings) == (1, 3, 0)
    (bench.data / "april.csv").write_text("Taken;Tank;pH\n01.04.2024 08:00;1;7\n01.03.2024 08:00;1;7.1\n")
    more = bench.run()
    assert (more.inputs, more.written, more.readings) == (1, 2, 1)
    assert len(bench.readings()) == 3


def test_a_broken_file_keeps_no_other_from_being_loaded(bench) -> None:
    bench.write(LAB.replace("csv, delimiter", "parquet, delimiter").replace("*.csv", "*.pq"))
    (bench.data / "a.pq").write_bytes(b"no parquet")
    table = pa.table({"Taken": ["01.03.2024 08:00"], "Tank": pa.array(["1"]).dictionary_encode(), "pH": [7.1]})
    pq.write_table(table, bench.data / "b.pq")
    run = bench.run()
    assert (run.state, run.inputs, run.readings) == ("failed", 1, 1)
    assert run.error is not None
    assert "a.pq" in run.error
    assert "not parquet" in run.error
    (bench.data / "a.pq").unlink()
    assert bench.run().state == "done"


def test_a_file_too_large_or_still_written_to_waits(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text(ROWS)
    assert "too large" in str(bench.run(max_bytes=10).error)
    bench.write(LAB.replace("settle_s: 0", "settle_s: 600"))
    assert bench.run().inputs == 0


def test_json_lines_texts_units_and_a_file_on_site(bench) -> None:
    bench.write(
        """
        pipeline: lab
        source: {files: {folder: DATA, format: json, pattern: "*.jsonl", settle_s: 0}}
        transform:
          - convert: {column: t, from: degF, to: degC}
        load: {file: {folder: DATA/out, format: json}}
        """
    )
    (bench.data / "a.jsonl").write_text('{"t": 212, "w": "hot"}\nnonsense\n{"t": null, "w": {"deep": 1}}\n')
    run = bench.run()
    assert (run.read, run.rejected, run.written, run.readings) == (3, 1, 2, 0)
    (made,) = (bench.data / "out").glob("*")
    found = [json.loads(line) for line in made.read_text().splitlines()]
    assert found[0]["t"] == pytest.approx(100)
    assert found[1] == {"t": None, "w": '{"deep": 1}'}
    assert bench.run(again=True).inputs == 1
    assert list((bench.data / "out").glob("*")) == [made]


def test_windows_of_the_historian_each_once(bench) -> None:
    minute = 60_000_000
    bench.write(
        """
        pipeline: lab
        source: {historian: {equipment: tank-1, signals: [level], window: PT10M, lateness: PT1M}}
        transform:
          - aggregate: {by: [equipment_id], time: ts, every: PT10M, columns: {level: [mean, last]}}
        load: {readings: {equipment_column: equipment_id, time: ts, signals: {level_mean: ph}}}
        """
    )

    def level(*minutes: int) -> Scan:
        return Scan([Sample("tank-1", "level", one * minute, float(one), None, 0) for one in minutes])

    bench.recorder.record([level(*range(31))])
    assert (bench.run().readings, bench.run().readings) == (2, 0)
    made = [(one.ts_us // minute, one.value) for one in bench.readings() if one.signal == "ph"]
    assert made == [(0, 4.5), (10, 14.5)]
    bench.recorder.record([level(*range(95, 105))])
    bench.reopen()
    later = bench.run()
    assert (later.inputs, later.readings) == (3, 3)
    assert [one.ts_us // minute for one in bench.readings() if one.signal == "ph"] == [0, 10, 20, 30, 90]


def test_a_sqlite_file_by_cursor_and_by_content(bench) -> None:
    path = bench.data / "lims.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("create table result (id integer primary key, at text, ph real)")
        other.execute("insert into result (at, ph) values ('2024-03-01T08:00:00Z', 7.1), ('2024-03-01T09:00:00Z', 7.2)")
    text = """
    pipeline: lab
    source: {sqlite: {file: DATA/lims.sqlite, query: select * from result, cursor: id}}
    transform: [{cast: {at: timestamp}}]
    load: {readings: {equipment: tank-1, time: at, signals: {ph: ph}}}
    """
    bench.write(text)
    assert (bench.run().readings, bench.run().read) == (2, 0)
    with sqlite3.connect(path) as other:
        other.execute("insert into result (at, ph) values ('2024-03-01T10:00:00Z', 7.3)")
    assert (bench.run().read, len(bench.readings())) == (1, 3)
    bench.write(text.replace(", cursor: id", "").replace("pipeline: lab", "pipeline: whole"), "whole")
    assert (bench.run("whole").read, bench.run("whole").read, len(bench.readings())) == (3, 0, 3)
    bench.write(text.replace("select * from result", "delete from result"))
    assert "cannot be read" in str(bench.run().error)


def test_python_steps_of_the_owner_run_apart(bench) -> None:
    steps = bench.home / "local" / "steps"
    (steps / "clean.py").write_text(
        "import pyarrow as pa, os, sys, time\n"
        "def halve(table):\n"
        "    print('to nobody')\n"
        "    half = pa.array([v / 2 for v in table['ph'].to_pylist()])\n"
        "    why = pa.array(['too small' if v < 3 else None for v in half.to_pylist()])\n"
        "    table = table.set_column(table.schema.get_field_index('ph'), 'ph', half)\n"
        "    return table.append_column('reject_reason', why)\n"
        "def dies(table): os._exit(3)\n"
        "def hangs(table): time.sleep(600)\n"
        "def lies(table): return 5\n"
    )
    (steps / "clean.py").chmod(0o644)
    text = LAB.replace("validate:", '  - python: "clean:halve"\nvalidate:')
    bench.write(text)
    (bench.data / "march.csv").write_text("Taken;Tank;pH\n01.03.2024 08:00;1;8\n01.03.2024 09:00;1;4\n")
    run = bench.run()
    assert (run.error, bench.readings()[0].value, bench.refused(run)) == (None, 4.0, [(2, "too small")])
    for name, words in (("dies", "exit code 3"), ("lies", "expected pyarrow.Table"), ("absent", "has no function")):
        bench.write(text.replace("clean:halve", f"clean:{name}"))
        assert words in str(bench.run(again=True).error)
    bench.write(text.replace('python: "clean:halve"', '{python: "clean:hangs", timeout_s: 0.5}'))
    assert "takes too long" in str(bench.run(again=True).error)


def test_python_comes_from_the_owner_alone(bench) -> None:
    bench.write(LAB.replace("validate:", '  - python: "os:system"\nvalidate:'))
    with pytest.raises(InputError, match="no Python step 'os:system'"):
        bench.run()
    step = bench.home / "local" / "steps" / "os.py"
    step.write_text("")
    step.chmod(0o666)
    with pytest.raises(InputError, match="others may write"):
        bench.run()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("every: PT1H", "every: hourly"), "'every' is wrong; expected 'hourly' is not an ISO 8601 duration"),
        (("every: PT1H", "colour: red"), "unknown key 'colour'"),
        (("filter: \"tank != 'waste'\"", "filter: \"open('x')\""), "is not part of the language"),
        (("  - filter:", "  - shuffle:"), "a step is one of rename, cast"),
        (("{ph: ph}}", "{ph: level}}"), "received '*/level'"),
        (("pipeline: lab", "pipeline: ["), "not YAML"),
        (('"*.csv"', '"../*.csv"'), "without folders"),
    ],
)
def test_a_wrong_file_is_one_clear_error(bench, change: tuple[str, str], words: str) -> None:
    bench.write(LAB.replace(*change))
    with pytest.raises(GoldlayerError) as wrong:
        bench.run()
    assert words in str(wrong.value)
    assert "lab.yaml" in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_missing_column_fails_the_input_by_name(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text("When;Tank;pH\n1;2;3\n")
    run = bench.run()
    assert (run.state, run.readings) == ("failed", 0)
    assert "received 'Taken'" in str(run.error)


def test_what_cannot_be_stored_is_not_remembered(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text(ROWS)
    bench.connection.execute("create trigger full before insert on etl_inputs begin select raise(abort, 'disk'); end")
    run = bench.run()
    assert (run.state, run.inputs, bench.readings()) == ("failed", 0, [])
    bench.connection.execute("drop trigger full")
    assert bench.run().readings == 2
    assert bench.readings() == READINGS


def test_schedule_requests_and_a_process_that_died(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text(ROWS)
    bench.pipelines.tick()
    bench.pipelines.tick()
    (run,) = runs(bench.connection, "lab", 9)
    assert (run.cause, run.readings) == ("schedule", 2)
    bench.connection.execute("update etl_runs set started_at = started_at - 3600000000, state = 'running'")
    bench.reopen()
    bench.pipelines.tick()
    second, first = runs(bench.connection, None, 9)
    assert (first.state, second.state, second.inputs) == ("interrupted", "done", 0)


def test_by_hand_without_a_running_bridge(bench) -> None:
    bench.write(LAB)
    (bench.data / "march.csv").write_text(ROWS)
    with pytest.raises(GoldlayerError, match="has not run the pipeline yet"):
        run_now(bench.home, "lab", again=False, wait_s=0, settings=BridgeSettings())
    with pytest.raises(InputError, match="no pipeline 'nobody'"):
        run_now(bench.home, "nobody", again=False, wait_s=0, settings=BridgeSettings())
    bench.pipelines.tick()
    assert [one.cause for one in runs(bench.connection, "lab", 9)] == ["command"]


def test_what_was_derived_says_nothing_of_a_device(bench) -> None:
    second = 1_000_000
    level = [Sample("tank-1", "level", one * second, 1.0, None, 0) for one in range(20)]
    bench.recorder.record([Scan(level)])
    bench.recorder.derive([Sample("tank-1", "ph", one * 1000 * second, 7.0, None, 0) for one in range(50)])
    bench.reopen()
    bench.recorder.record([Scan([Sample("tank-1", "level", 20 * second, 1.0, None, 0)])])
    assert bench.connection.execute("select * from gaps where reason = 'missed_scan'").fetchall() == []
    known = bench.recorder.derive([Sample("tank-1", "ph", 0, 7.0, None, 0)])
    assert known == 0


def test_a_failed_memory_leaves_no_reading(bench) -> None:
    def full(connection: sqlite3.Connection, rows: int) -> None:
        raise sqlite3.OperationalError("disk")

    with pytest.raises(StoreError):
        bench.recorder.derive([READINGS[0]], full)
    assert bench.readings() == []
    assert bench.recorder.derive([READINGS[0]]) == 1


def test_a_place_that_is_not_free_is_not_left(tmp_path: Path) -> None:
    from bridge.etl.place import Place

    assert Place(tmp_path, free=False).resolve("data/x") == tmp_path / "data" / "x"
    for path in ("../x", "/etc/passwd"):
        with pytest.raises(InputError, match="may not leave"):
            Place(tmp_path, free=False).resolve(path)
