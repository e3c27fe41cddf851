"""Rules beside the journal: what they make is journaled once, whatever ends when."""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.driver import Scan
from bridge.journal import decode_frame, samples_of
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.processor import Processor
from bridge.recorder import Recorder
from bridge.rules.remembered import remembered
from bridge.rules.service import Rules
from bridge.segments import seal
from bridge.store import Store, StoreError
from core.contracts.batch import unpack
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.quality import CALCULATED
from core.contracts.reading import Sample
from core.contracts.site import SiteFile

S = 1_000_000
NAMES = ("flow", "pressure", "hot", "jump", "still", "odd", "score")
SITE = SiteFile.model_validate(
    {
        "tenant": "newcomer-co",
        "site": "loop",
        "protocol": "modbus",
        "equipment": [
            {
                "id": "p[1..2]",
                "type": "pump",
                "signals": [{"name": n, **({"derived": True} if n in NAMES[2:] else {})} for n in NAMES],
            }
        ],
    }
)
RULES = """
rules:
  - {rule: hot, equipment_type: pump, signal: flow, event: hot, threshold: {above: 5, hysteresis: 2, for: PT1S}}
  - {rule: jump, equipment: [p1], signal: pressure, event: jump, rate: {above: 2}}
  - {rule: still, equipment_type: pump, signal: pressure, event: still, stuck: {for: PT4S}}
  - rule: odd
    equipment_type: pump
    signals: [flow, pressure]
    event: odd
    anomaly: {model: plane.json, above: 1, score: score}
"""
MODEL = {"kind": "pca", "mean": [3, 3], "scale": [2, 2], "components": [[0.6, 0.8]], "limit": 1}


class Bench:
    """One home folder, its parts restarted at will."""

    def __init__(self, store: Store) -> None:
        self.store = store
        for kind in ("rules", "models"):
            (store.home / "local" / kind).mkdir(parents=True, exist_ok=True)
        (store.home / "local" / "models" / "plane.json").write_text(json.dumps(MODEL))
        self.open()

    def write(self, text: str = RULES) -> None:
        (self.store.home / "local" / "rules" / "site.yaml").write_text(textwrap.dedent(text))

    def open(self) -> None:
        self.recorder = Recorder(self.store, SITE, clocked=False)
        self.rules = Rules(self.store, self.recorder, SITE)
        self.connection = self.store.connect()

    def reopen(self, *, noted: bool = False) -> None:
        if noted:
            self.rules.note()
        self.close()
        self.open()

    def close(self) -> None:
        self.rules.close()
        self.recorder.close()
        self.connection.close()

    def record(self, first: int, last: int) -> None:
        self.recorder.record([scan(first, last)])

    def drain(self) -> None:
        while self.rules.step()[0]:
            pass

    def made(self) -> list[Sample]:
        frames = self.connection.execute("select payload from frames where rows > 0 order by id")
        found = [one for (payload,) in frames for one in samples_of(decode_frame(payload))]
        return [one for one in found if one.signal in NAMES[2:]]


def scan(first: int, last: int) -> Scan:
    """Two machines, two signals, one reading a second; `pressure` stands still for a while in between."""
    samples: list[Sample] = []
    for second in range(first, last):
        for machine, shift in (("p1", 0), ("p2", 3)):
            flow = float((second + shift) % 9)
            pressure = 3.0 if 20 <= second < 30 else float((second * 3 + shift) % 7)
            samples.append(Sample(machine, "flow", second * S, flow, None, 0))
            samples.append(Sample(machine, "pressure", second * S, pressure, None, 0))
    return Scan(samples)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A home folder of this test's own, with rules."""
    with Store.open(tmp_path / "home") as store:
        one = Bench(store)
        one.write()
        one.rules.step()
        yield one
        one.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """What the rules make of sixty seconds in one go."""
    with Store.open(tmp_path_factory.mktemp("whole") / "home") as store:
        one = Bench(store)
        one.write()
        one.rules.step()
        one.record(0, 60)
        one.drain()
        made = one.made()
        one.close()
    return made


def test_events_and_scores_are_readings(bench: Bench, whole: list[Sample]) -> None:
    assert {one.signal for one in whole} == set(NAMES[2:])
    assert {one.quality for one in whole} == {CALCULATED}
    assert len([one for one in whole if one.signal == "score"]) == 120
    # Flow of p1 is above 5 at 6, 7 and 8: for a second since 7, back below 3 at 9.
    hot = [(one.ts_us // S, one.value) for one in whole if (one.equipment_id, one.signal) == ("p1", "hot")]
    assert hot[:4] == [(7, 1.0), (9, 0.0), (16, 1.0), (18, 0.0)]
    still = [(one.ts_us // S, one.value) for one in whole if (one.equipment_id, one.signal) == ("p1", "still")]
    assert still == [(24, 1.0), (30, 0.0)]
    assert all(one.equipment_id == "p1" for one in whole if one.signal == "jump")


@pytest.mark.parametrize("seed", range(4))
def test_ended_anywhere_it_makes_the_same_once(bench: Bench, whole: list[Sample], seed: int) -> None:
    chance = random.Random(seed)
    second = 0
    while second < 60:
        more = chance.randint(1, 7)
        bench.record(second, min(second + more, 60))
        second += more
        match chance.randint(0, 3):
            case 0:
                bench.reopen()
            case 1:
                bench.drain()
                bench.reopen(noted=chance.random() < 0.5)
            case 2:
                bench.drain()
            case _:
                pass
    bench.drain()
    assert sorted(bench.made()) == sorted(whole)


def test_what_cannot_be_stored_is_made_again_once(bench: Bench, whole: list[Sample]) -> None:
    bench.record(0, 60)
    bench.connection.execute("create trigger full before insert on rule_states begin select raise(abort, 'disk'); end")
    with pytest.raises(StoreError):
        bench.rules.step()
    assert bench.made() == []
    bench.connection.execute("drop trigger full")
    bench.drain()
    assert sorted(bench.made()) == sorted(whole)


def test_files_are_sealed_behind_the_rules_only(bench: Bench) -> None:
    bench.record(0, 30)
    bench.connection.execute("insert or replace into meta values ('checkpoint', '99')")
    assert seal(bench.connection, bench.store.home, rows=1, age_s=0) == 0
    bench.drain()
    assert seal(bench.connection, bench.store.home, rows=1, age_s=0) == 120


def test_what_rules_make_passes_the_contract(bench: Bench, whole: list[Sample]) -> None:
    bench.record(0, 60)
    bench.drain()
    contract = parse_contract(permissive_contract(SITE), where="test")
    writer = OutboxWriter(Sender("loop-bridge", "inc", "loop", contract), 1000)
    processor = Processor(bench.store, SITE, writer, outbox_max_bytes=1 << 30)
    while processor.run_once(live=True):
        pass
    processor.close()
    rows = [row for one in Outbox(bench.connection).waiting({}, 99) for row in unpack(one.payload)[0].to_pylist()]
    sent = [(row["equipment_id"], row["signal"], row["value"]) for row in rows if row["signal"] in NAMES[2:]]
    assert sorted(sent) == sorted((one.equipment_id, one.signal, one.value) for one in whole)


def test_a_rule_that_goes_ends_its_event_and_one_that_changes_keeps_it(bench: Bench) -> None:
    bench.record(0, 8)
    bench.drain()

    def hot() -> list[tuple[str, int, float | None]]:
        return [(one.equipment_id, one.ts_us, one.value) for one in bench.made() if one.signal == "hot"]

    assert hot() == [("p1", 7 * S, 1.0), ("p2", 4 * S, 1.0), ("p2", 6 * S, 0.0)]
    bench.write(RULES.replace("above: 5", "above: 5.5"))
    bench.rules.step()
    assert len(hot()) == 3
    bench.write(RULES.replace("rule: hot,", "rule: warm,").replace("above: 5,", "above: 500,"))
    bench.rules.step()
    assert hot()[3:] == [("p1", 7 * S + 1, 0.0)]
    bench.reopen()
    bench.drain()
    assert len(hot()) == 4


def test_late_readings_and_bad_ones_are_passed_over(bench: Bench) -> None:
    flow = [(0, 9.0, 0), (1, float("nan"), 0), (1, 9.0, 0x80000000), (2, 9.0, 0), (1, 0.0, 0), (3, None, 0x809B0000)]
    bench.recorder.record([Scan([Sample("p1", "flow", at * S, value, None, quality) for at, value, quality in flow])])
    bench.drain()
    assert [(one.ts_us, one.value) for one in bench.made()] == [(2 * S, 1.0)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("event: hot", "event: flow", "does not derive"),
        ("signal: flow", "signal: nothing", "has not"),
        ("equipment: [p1]", "equipment: [p9]", "'p9'"),
        ("signal: flow", "signal: still", "looks at what a rule makes"),
        ("event: still", "event: hot", "two rules make one signal"),
        ("rule: jump", "rule: hot", "two rules are called 'hot'"),
        ("plane.json", "absent.json", "cannot be read"),
        ("[flow, pressure]", "[flow]", "does not fit its signals"),
        ("rules:", "rule:", "'rules' is wrong"),
    ],
)
def test_a_wrong_file_is_one_clear_error_and_stops_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    bench.write(RULES.replace(old, new, 1))
    assert bench.rules.step() == (0, 0)
    assert words in "".join(capsys.readouterr())
    bench.write()
    bench.record(0, 10)
    assert bench.rules.step()[0] == 0 or bench.made()
    bench.drain()
    assert bench.connection.execute("select count(*) from rule_states").fetchone()[0] > 0


def test_what_an_earlier_version_remembered_goes_on(bench: Bench) -> None:
    bench.record(0, 8)
    bench.drain()
    rows = [
        (rule, machine, event, definition, json.dumps([memory.standing, memory.since, memory.newest, memory.anchor,
                                                       memory.held, memory.model, memory.row_ts]))
        for (rule, machine), (event, definition, memory) in remembered(bench.connection).items()
    ]  # fmt: skip
    bench.rules.note()
    bench.connection.execute("delete from rule_states")
    bench.connection.executemany("insert into rule_memory values (?, ?, ?, ?, ?)", rows)
    bench.reopen()
    bench.record(8, 12)
    bench.drain()
    hot = [(one.equipment_id, one.ts_us // S, one.value) for one in bench.made() if one.signal == "hot"]
    assert hot == [("p1", 7, 1.0), ("p2", 4, 1.0), ("p2", 6, 0.0), ("p1", 9, 0.0)]
    assert bench.connection.execute("select count(*) from rule_memory").fetchone() == (0,)
