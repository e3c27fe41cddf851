"""Two plants whose readings are known: written row by row from a seed, replayed a chunk a round."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.sites import SiteOnDisk, find_sites

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=1)
SIGNALS = ("flow", "level", "speed", "secret")

_SITE = """
tenant: {tenant}
site: {site}
protocol: {protocol}
poll: {{interval_s: 0.01}}
recording:
  path: "{recording}"
  timestamp: {{column: t, format: "%Y-%m-%d %H:%M:%S"}}
equipment:
  - id: p1
    type: pump
    signals: [{{name: flow}}, {{name: level}}, {{name: speed}}, {{name: secret}}]
"""
# Every kind of promise: a deadband with windows, all of it, sampling with a rule, and nothing at all.
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: {site}
version: 1.0.0
status: active
schema:
  - name: pump
    properties:
      - name: flow
        customProperties:
          - {{property: deadband, value: {{absolute: 0.3}}}}
          - {{property: windows, value: [{{every: PT1M, aggregates: [mean, max, count], lateness: PT5S}}]}}
      - name: level
      - name: speed
        customProperties:
          - {{property: sampling, value: PT5S}}
customProperties:
  - property: rules
    value:
      - {{name: fast, equipment_type: pump, signal: speed, raise_when: ">", threshold: 0.8, fault_code: F1,
         severity: 80, message: too fast}}
"""


@dataclass(frozen=True)
class Plants:
    """Files of both sites, twice: `live` replays one chunk, `whole` is everything replayed so far."""

    live: list[SiteOnDisk]
    whole: list[SiteOnDisk]

    @classmethod
    def at(cls, folder: Path) -> Plants:
        """Make the folder's site files, or find what an earlier run made."""
        for kind in ("live", "whole"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for protocol in ("opcua", "modbus"):
                names = {"tenant": f"chaos-{protocol}", "site": f"loop-{protocol}", "protocol": protocol}
                path = f"{protocol}.csv" if kind == "live" else f"{protocol}-*.csv"
                stem = folder / kind / names["site"]
                stem.with_suffix(".yaml").write_text(_SITE.format(**names, recording=path))
                stem.with_suffix(".contract.yaml").write_text(_CONTRACT.format(**names))
        return cls(*(find_sites(folder / kind, folder / "none").sites for kind in ("live", "whole")))

    def write_chunk(self, seed: int, number: int, rows: int) -> None:
        """The rows of one round; the next round's follow without a pause in source time."""
        for live, whole in zip(self.live, self.whole, strict=True):
            protocol = live.site.protocol
            dice = random.Random(f"{seed} {number} {protocol}")
            moments = (START + STEP * (number * rows + row) for row in range(rows))
            lines = [",".join((f"{moment:%Y-%m-%d %H:%M:%S}", *_cells(dice))) for moment in moments]
            chunk = live.folder / f"{protocol}.csv"
            chunk.write_text("\n".join([",".join(("t", *SIGNALS)), *lines]) + "\n")
            shutil.copy(chunk, whole.folder / f"{protocol}-{number:05}.csv")


def _cells(dice: random.Random) -> list[str]:
    """One row: numbers, now and then a hole or a number that is none."""
    odd = dice.random()
    flow = "" if odd < 0.01 else "nan" if odd < 0.02 else repr(dice.random())
    return [flow, *(repr(dice.random()) for _ in SIGNALS[1:])]
