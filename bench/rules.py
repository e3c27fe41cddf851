"""What edge rules cost: CPU of a bridge's road from scan to outbox with rules on every machine, against one without.

Both record the same readings, run the contract over them and store what leaves; ours has five rules on each of twenty
machines besides, one of them a model that looks at four signals. The contract lists no derived signal, so that both
outboxes hold the same.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from bench.claim import Claim
from bridge.driver import Scan
from bridge.outbox import OutboxWriter, Sender
from bridge.processor import Processor
from bridge.recorder import Recorder
from bridge.rules.service import Rules
from bridge.store import Store
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.log import configure

TARGET = 1.5
MACHINES, SIGNALS, SECONDS, SCAN_S, PAIRS = 20, 10, 240, 2, 5
_EVENTS = ("hot", "fast", "still", "odd", "far")
_RULES = """
rules:
  - {rule: hot, equipment_type: pump, signal: s0, event: hot, threshold: {above: 90, hysteresis: 30, for: PT1S}}
  - {rule: fast, equipment_type: pump, signal: s1, event: fast, rate: {above: 80}}
  - {rule: still, equipment_type: pump, signal: s2, event: still, stuck: {for: PT30S}}
  - {rule: odd, equipment_type: pump, signal: s3, event: odd, anomaly: {model: z.json, above: 6}}
  - {rule: far, equipment_type: pump, signals: [s4, s5, s6, s7], event: far, anomaly: {model: plane.json, above: 9}}
"""
_MODELS: dict[str, dict[str, object]] = {
    "z.json": {"kind": "robust_z", "median": 50, "mad": 25},
    "plane.json": {
        "kind": "pca",
        "mean": [50] * 4,
        "scale": [30] * 4,
        "components": [[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5]],
        "limit": 4,
    },
}


def _site() -> SiteFile:
    measured: list[dict[str, object]] = [{"name": f"s{place}"} for place in range(SIGNALS)]
    derived: list[dict[str, object]] = [{"name": name, "derived": True} for name in _EVENTS]
    machines = {"id": f"p[01..{MACHINES:02d}]", "type": "pump", "signals": measured + derived}
    return SiteFile.model_validate(
        {"tenant": "bench-co", "site": "bench", "protocol": "modbus", "equipment": [machines]}
    )


def _scans() -> list[Scan]:
    found: list[Scan] = []
    for start in range(0, SECONDS, SCAN_S):
        samples = [
            Sample(f"p{one:02d}", f"s{place}", at * 1_000_000, float(at * (7 + place) * (one + 3) % 101), None, 0)
            for at in range(start, start + SCAN_S)
            for one in range(1, MACHINES + 1)
            for place in range(SIGNALS)
        ]
        found.append(Scan(samples))
    return found


def _walk(site: SiteFile, scans: list[Scan], *, with_rules: bool) -> tuple[float, int]:
    """CPU seconds of the whole road, and readings that the rules made."""
    contract = parse_contract(permissive_contract(site.measured()), where="bench")
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        for kind, files in (("rules", {"bench.yaml": _RULES}), ("models", _MODELS)):
            (store.home / "local" / kind).mkdir(parents=True)
            for name, content in files.items() if with_rules else ():
                text = content if isinstance(content, str) else json.dumps(content)
                (store.home / "local" / kind / name).write_text(text)
        recorder = Recorder(store, site, clocked=False)
        writer = OutboxWriter(Sender("bench-bridge", "inc", "bench", contract), 1000)
        processor = Processor(store, site, writer, outbox_max_bytes=1 << 34)
        rules = Rules(store, recorder, site)
        rules.step()
        made = 0
        began = time.process_time()
        for scan in scans:
            recorder.record([scan])
            made += rules.step()[1]
            while processor.run_once(live=True):
                pass
        rules.note()
        took = time.process_time() - began
        for part in (rules, processor, recorder):
            part.close()
    return took, made


def claims() -> list[dict[str, object]]:
    """CPU seconds with rules against without."""
    configure()
    site, scans = _site(), _scans()
    _walk(site, scans[:5], with_rules=True)
    mine: list[float] = []
    theirs: list[float] = []
    made = 0
    for _ in range(PAIRS):
        took, made = _walk(site, scans, with_rules=True)
        mine.append(took)
        theirs.append(_walk(site, scans, with_rules=False)[0])
    ours, baseline = statistics.median(mine), statistics.median(theirs)
    readings = MACHINES * SIGNALS * SECONDS
    print(
        f"{readings:,} readings, {MACHINES * len(_EVENTS)} rules on {MACHINES} machines "
        f"made {made:,} events, {PAIRS} pairs"
    )
    ratio = ours / baseline
    claim = Claim("edge rules", "ratio", round(ours, 4), round(baseline, 4), round(ratio, 4), TARGET, ratio <= TARGET)
    return [claim.as_dict()]
