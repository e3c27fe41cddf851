"""Journal to outbox: state, books, checkpoint and batches move together or not at all."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.books import read_books
from bridge.contract.counts import to_arrow
from bridge.driver import Scan
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.processor import Processor
from bridge.recorder import Recorder
from bridge.store import Store, StoreError, transaction
from core.contracts.batch import unpack
from core.contracts.lanes import LaneKind
from core.contracts.quality import CALCULATED, PARTIAL
from core.contracts.reading import Sample, readings_to_arrow

S = 1_000_000
PROPERTIES = """
- name: flow
  customProperties:
    - {property: deadband, value: {absolute: 0.5}}
    - {property: windows, value: [{every: PT10S, aggregates: [mean]}]}
"""
RULE = """
- {name: high, equipment_type: pump, signal: level, raise_when: ">", threshold: 5, fault_code: F1, severity: 90,
   message: too high}
"""


def scan(first: int, last: int) -> Scan:
    return Scan(
        [
            Sample("p1", name, second * S, float(second % 7), None, 0)
            for second in range(first, last)
            for name in ("flow", "level")
        ]
    )


class Bench:
    """Recorder and processor over one home, the processor restarted at will."""

    def __init__(self, store: Store, built) -> None:
        self.store, self.built = store, built
        self.recorder = Recorder(store, built.site, clocked=True)
        self.processor = self.start()

    def start(self, batch_rows: int = 4, outbox_max_bytes: int = 1 << 30) -> Processor:
        sender = Sender("loop-bridge", "inc", "loop", self.built.contract)
        self.processor = Processor(
            self.store, self.built.site, OutboxWriter(sender, batch_rows), outbox_max_bytes=outbox_max_bytes
        )
        return self.processor

    def waiting(self):
        with self.store.writing() as connection:
            return Outbox(connection).waiting({}, 1000)

    def rows(self, kind: str) -> list[dict]:
        return [
            row for one in self.waiting() if one.lane.startswith(kind) for row in unpack(one.payload)[0].to_pylist()
        ]


@pytest.fixture
def bench(tmp_path: Path, build):
    built = build(PROPERTIES, rules=RULE)
    with Store.open(tmp_path) as store:
        one = Bench(store, built)
        yield one
        one.recorder.close()
        one.processor.close()


def test_batches_are_numbered_by_lane_and_bounded(bench: Bench) -> None:
    bench.recorder.record([scan(0, 9)])
    assert bench.processor.run_once(live=True) == 1
    bench.recorder.record([scan(9, 12)])
    assert bench.processor.run_once(live=False) == 1
    assert bench.processor.run_once(live=True) == 0
    lanes: dict[str, list[int]] = {}
    for one in bench.waiting():
        lanes.setdefault(one.lane, []).append(one.seq)
        assert one.rows <= 4
        assert one.header.seq == one.seq
    assert lanes == {
        "readings-live": [1, 2, 3],
        "readings-backlog": [1],
        "faults-live": [1],
    }


def test_counts_ride_once_and_the_books_balance(bench: Bench, tmp_path: Path) -> None:
    bench.recorder.record([scan(0, 40)])
    bench.processor.run_once(live=True)
    upstream = [row for one in bench.waiting() for row in unpack(one.payload)[1].to_pylist()]
    assert sum(row["read"] for row in upstream) == 80
    books = read_books(tmp_path)
    total = books.totals
    assert total.read == total.withheld + total.contracted == 80
    assert total.contracted == total.forwarded + total.suppressed + total.aggregated
    assert books.sent == total.forwarded + total.windows + total.rules == books.unacknowledged_rows
    assert len(bench.rows("readings")) == total.forwarded + total.windows
    assert len(bench.rows("faults")) == total.rules > 0
    assert books.by_signal["p1", "level"].withheld == 40
    assert books.engine_lag == 0
    assert books.journal_rows == 80


def test_a_step_that_cannot_be_stored_is_done_again_the_same(bench: Bench, tmp_path: Path) -> None:
    bench.recorder.record([scan(0, 25)])
    with bench.store.writing() as connection:
        connection.execute("create trigger full before insert on ledger_steps begin select raise(abort, 'disk'); end")
    with pytest.raises(StoreError):
        bench.processor.run_once(live=True)
    assert bench.waiting() == []
    with bench.store.writing() as connection:
        connection.execute("drop trigger full")
    bench.processor.run_once(live=True)
    once = bench.rows("readings")
    assert read_books(tmp_path).totals.read == 50
    assert [one.seq for one in bench.waiting() if one.lane == "readings-live"] == list(range(1, 1 + -(-len(once) // 4)))


def test_a_restart_between_frames_changes_nothing(bench: Bench, tmp_path: Path, build) -> None:
    for first in range(0, 60, 7):
        bench.recorder.record([scan(first, first + 7)])
        bench.processor.run_once(live=True)
        bench.processor.close()
        bench.start()
    pieces = bench.rows("readings")
    with Store.open(tmp_path / "whole") as store:
        whole = Bench(store, bench.built)
        whole.recorder.record([scan(0, 63)])
        whole.processor.run_once(live=True)
        once = whole.rows("readings")
        assert whole.rows("faults") == bench.rows("faults")
        whole.recorder.close()
        whole.processor.close()
    assert build.as_json_rows(pieces) == build.as_json_rows(once)


def test_counts_without_rows_leave_alone_at_last(tmp_path: Path, build) -> None:
    built = build("- name: flow")
    with Store.open(tmp_path) as store:
        one = Bench(store, built)
        one.recorder.record([Scan([Sample("p1", "level", S, 1.0, None, 0)])])
        one.processor.run_once(live=True)
        assert one.waiting() == []
        one.processor.close()
        one.start()
        assert one.processor.run_once(live=True) == 0
        (batch,) = one.waiting()
        rows, counts = unpack(batch.payload)
        assert rows.num_rows == 0
        assert [(row["signal"], row["read"], row["withheld"]) for row in counts.to_pylist()] == [("*", 1, 1)]
        assert one.processor.run_once(live=True) == 0
        assert len(one.waiting()) == 1
        one.recorder.close()
        one.processor.close()


def test_what_became_of_gaps_leaves_once(bench: Bench) -> None:
    bench.recorder.record([scan(0, 10), scan(30, 40)])
    assert bench.processor.run_once(live=True) == 1
    (found,) = bench.rows("status")
    assert (found["equipment_id"], found["reason"], found["state"]) == ("p1", "missed_scan", "found")
    assert ((found["until"] - found["ts"]).total_seconds(), found["ts"].second) == (21, 9)
    bench.recorder.record([scan(20, 21)])
    bench.processor.run_once(live=True)
    told = bench.rows("status")
    assert [(row["state"], row["ts"].second, row["until"].second) for row in told[1:]] == [
        ("found", 9, 20),
        ("found", 20, 30),
        ("void", 9, 30),
    ]
    assert told[3]["gap_id"] == found["gap_id"]
    bench.recorder.record([scan(40, 41)])
    bench.start().run_once(live=True)
    assert bench.rows("status") == told


def test_a_full_outbox_lets_the_contract_wait_and_nothing_is_lost(tmp_path: Path, build) -> None:
    with Store.open(tmp_path / "free") as store:
        free = Bench(store, built := build(PROPERTIES, rules=RULE))
        free.recorder.record([scan(0, 40)])
        free.recorder.record([scan(40, 80)])
        free.processor.run_once(live=True)
        whole = free.rows("readings")
        free.recorder.close()
        free.processor.close()
    with Store.open(tmp_path / "full") as store:
        one = Bench(store, built)
        one.recorder.record([scan(0, 40)])
        one.processor.run_once(live=True)
        one.processor.close()
        first, size = one.waiting(), read_books(store.home).outbox_bytes
        assert size == sum(len(batch.payload) for batch in first) > 0
        one.start(outbox_max_bytes=size)
        one.recorder.record([scan(40, 80)])
        assert one.processor.run_once(live=True) == 0
        assert read_books(store.home).engine_lag == 1
        early = one.rows("readings")
        with store.writing() as connection:
            Outbox(connection).acknowledge({batch.lane: batch.seq for batch in first}, [])
        assert read_books(store.home).outbox_bytes == 0
        assert one.processor.run_once(live=True) == 1
        assert build.as_json_rows(early + one.rows("readings")) == build.as_json_rows(whole)
        one.recorder.close()
        one.processor.close()


CHANGED = """
- name: flow
  customProperties:
    - {property: forward, value: false}
    - {property: windows, value: [{every: PT10S, aggregates: [mean, max], lateness: PT5S}]}
- name: level
"""


def contracts_of(bench: Bench) -> list[tuple[str, str, int]]:
    """Lane, contract and number of what waits, in order."""
    return [(one.lane, one.header.contract_sha256, one.seq) for one in bench.waiting()]


def test_a_contract_takes_force_between_two_readings(bench: Bench, tmp_path: Path, build) -> None:
    """What each contract judged leaves under it, counts included; a window that both know is one."""
    newer = build(CHANGED).contract
    bench.recorder.record([scan(0, 14)])
    bench.processor.run_once(live=True)
    before = bench.waiting()
    bench.processor.adopt(newer, "", live=True)
    bench.recorder.record([scan(14, 40)])
    bench.processor.run_once(live=True)
    late = [one for one in bench.waiting() if one.id > before[-1].id]
    judged = {one.header.contract_sha256 for one in late if unpack(one.payload)[0].num_rows}
    assert {one.header.contract_sha256 for one in before} == {bench.built.contract.sha256}
    assert newer.sha256 in judged
    rows = bench.rows("readings")
    levels = [row["ts"].second for row in rows if row["signal"] == "level"]
    assert levels == list(range(14, 40))
    flows = [row["ts"].second for row in rows if row["signal"] == "flow"]
    assert flows
    assert max(flows) < 14
    means = [(row["ts"].second, row["value"]) for row in rows if row["signal"] == "flow:mean:PT10S"]
    assert means == [(s, sum(n % 7 for n in range(s, s + 10)) / 10) for s in (0, 10, 20)]
    totals = read_books(tmp_path).totals
    assert totals.read == totals.withheld + totals.contracted == 80
    assert (totals.withheld, read_books(tmp_path).by_signal["p1", "level"].forwarded) == (14, 26)
    upstream = [row for one in bench.waiting() for row in unpack(one.payload)[1].to_pylist()]
    assert sum(row["read"] for row in upstream) == 80
    for one in bench.waiting():
        names = {row["signal"] for row in unpack(one.payload)[1].to_pylist()}
        assert "level" not in names or one.header.contract_sha256 == newer.sha256
    assert read_books(tmp_path).sent == totals.forwarded + totals.windows + totals.rules


def test_what_ends_with_a_contract_leaves_under_it(bench: Bench, build) -> None:
    bench.recorder.record([scan(0, 14)])
    bench.processor.run_once(live=True)
    (raised,) = [row for row in bench.rows("faults") if row["state"] == "raised"][-1:]
    bench.processor.adopt(build("- name: level").contract, "", live=True)
    (part,) = [row for row in bench.rows("readings") if row["signal"].startswith("flow:") and row["ts"].second == 10]
    assert (part["value"], part["quality"]) == (sum(n % 7 for n in range(10, 14)) / 4, CALCULATED | PARTIAL)
    (cleared,) = [row for row in bench.rows("faults") if row["message"].startswith("the rule is no longer")]
    assert (cleared["state"], cleared["fault_code"], cleared["ts"].second) == ("cleared", raised["fault_code"], 13)
    assert {one.header.contract_sha256 for one in bench.waiting()} == {bench.built.contract.sha256}
    bench.processor.close()
    bench.built = replace(bench.built, contract=build("- name: level").contract)
    bench.start().run_once(live=True)
    bench.recorder.record([scan(14, 16)])
    bench.processor.run_once(live=True)
    assert [row["signal"] for row in bench.rows("readings")[-2:]] == ["level", "level"]


def test_a_boundary_that_cannot_be_stored_leaves_the_old_contract_in_force(bench: Bench, build) -> None:
    bench.recorder.record([scan(0, 14)])
    bench.processor.run_once(live=True)
    before = contracts_of(bench)
    with bench.store.writing() as connection:
        connection.execute("create trigger full before insert on ledger_steps begin select raise(abort, 'disk'); end")
    with pytest.raises(StoreError):
        bench.processor.adopt(build("- name: level").contract, "", live=True)
    assert contracts_of(bench) == before
    with bench.store.writing() as connection:
        connection.execute("drop trigger full")
    bench.recorder.record([scan(14, 25)])
    bench.processor.run_once(live=True)
    assert {sha256 for _, sha256, _ in contracts_of(bench)} == {bench.built.contract.sha256}


def test_batches_of_long_texts_are_halved_and_no_row_is_lost(bench: Bench) -> None:
    texts = ["".join(random.Random(n).choices("abcdefghij", k=2_000)) for n in range(7)]
    rows = readings_to_arrow("loop", [Sample("p1", "flow", n * S, None, text, 0) for n, text in enumerate(texts)])
    counts = to_arrow("loop", {("p1", "flow", 0): [7, 0, 7, 0, 0, 7, 0, 0, 0]})
    writer = OutboxWriter(Sender("loop-bridge", "inc", "loop", bench.built.contract), 1000, batch_bytes=6_000)
    with bench.store.writing() as connection, transaction(connection):
        stored = writer.put(connection, LaneKind.READINGS, rows, counts, live=True)
    waiting = bench.waiting()
    assert [one.seq for one in waiting] == list(range(1, stored + 1))
    assert [row["text"] for row in bench.rows("readings")] == texts
    assert all(len(one.payload) <= 6_000 for one in waiting if one.rows > 1)
    assert [unpack(one.payload)[1].num_rows for one in waiting] == [1] + [0] * (stored - 1)
