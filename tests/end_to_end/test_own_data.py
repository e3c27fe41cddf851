"""A newcomer's own dirty data: everything is read, what is wrong is kept apart and counted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from cli.demo.summary import Summary
from core.contracts.quality import BAD_NO_DATA
from lake.store import Lake
from lake.tables import bronze, silver

pytestmark = pytest.mark.end_to_end

START = datetime(2020, 3, 9, 10, tzinfo=UTC)
Row = list[str]


def clock(second: int) -> str:
    return f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    path.write_bytes("".join(";".join(row) + "\r\n" for row in [header, *rows]).encode())


DIRTY_SITE = """
tenant: dirty-co
site: {protocol}-bench
protocol: {protocol}
recording:
  path: {protocol}.csv
  delimiter: ";"
  timestamp: {{column: datetime, format: "%Y-%m-%d %H:%M:%S"}}
equipment:
  - id: pump-1
    type: centrifugal_pump
    signals:
      - {{name: flow, unit: l/min}}
      - {{name: pressure, unit: bar}}
      - {{name: temperature, unit: degC}}
      - {{name: motor_current, unit: A}}
"""
DIRTY_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: {protocol}-bench
version: 1.0.0
schema:
  - name: centrifugal_pump
    properties:
      - name: flow
        logicalType: number
        logicalTypeOptions: {{minimum: 0, maximum: 100}}
        customProperties:
          - {{property: unit, value: l/min}}
          - {{property: deadband, value: {{absolute: 0.05}}}}
          - {{property: windows, value: [{{every: PT1M, aggregates: [mean, min, max, last, count], lateness: PT5S}}]}}
      - name: pressure
        logicalType: number
        customProperties: [{{property: unit, value: bar}}]
      - name: temperature
        logicalType: number
        customProperties:
          - {{property: unit, value: degC}}
          - {{property: forward, value: false}}
          - {{property: windows, value: [{{every: PT1M, aggregates: [mean, count]}}]}}
"""
FLOW, PRESSURE, TEMPERATURE, CURRENT = 1, 2, 3, 4


def dirty_rows(*, texts: bool) -> list[Row]:
    """A pump at 1 Hz with everything a recorder gets wrong; the current, 17 A, may not leave the site."""
    rows = [
        [clock(s), f"{30 + s * 7 % 11 / 10:.2f}", f"{2 + s % 13 / 100:.3f}", f"{40 + s % 60 / 10:.2f}", "17"]
        for s in range(900)
    ]
    cells = {
        (310, FLOW): "NaN", (311, PRESSURE): "inf", (312, TEMPERATURE): "-inf", (313, CURRENT): "nan",
        (314, PRESSURE): "-Infinity", (320, FLOW): "", (321, PRESSURE): "", (322, TEMPERATURE): " ",
        (330, FLOW): "500", (331, FLOW): "1e39",
    }  # fmt: skip
    words = {(340, PRESSURE): "offline", (341, FLOW): "ERR", (342, TEMPERATURE): "#N/A", (343, CURRENT): "secret"}
    for (row, column), cell in (cells | (words if texts else {})).items():
        rows[row][column] = cell

    def again(row: int, **changed: str) -> Row:
        names = ["datetime", "flow", "pressure", "temperature", "motor_current"]
        return [changed.get(name, cell) for name, cell in zip(names, rows[row], strict=True)]

    ahead = [[clock(7200), "31", "2", "41", "17"], [clock(7201), "31.5", "2", "41", "17"]]
    back = [again(second, pressure="3", flow="60") for second in range(500, 560)]
    # From the end to the beginning, so that the places before stay where they are.
    rows[850:850] = ahead
    rows[700:700] = back
    rows.insert(520, again(451, flow="66"))
    rows.insert(500, again(450))
    rows.insert(431, again(430, flow="-40"))
    rows.insert(421, again(420, flow="77.7", pressure="9.9"))
    rows.insert(401, again(400))
    return rows


@pytest.mark.long
def test_dirty_data_is_kept_apart_counted_and_never_fatal(road, reachable: Path):
    sites, run = reachable / "sites", reachable / "run"
    sites.mkdir()
    header = ["datetime", "flow", "pressure", "temperature", "motor_current"]
    recordings = {protocol: dirty_rows(texts=protocol == "opcua") for protocol in ("opcua", "modbus")}
    for protocol, rows in recordings.items():
        (sites / f"{protocol}.yaml").write_text(DIRTY_SITE.format(protocol=protocol))
        (sites / f"{protocol}-bench.contract.yaml").write_text(DIRTY_CONTRACT.format(protocol=protocol))
        write_csv(sites / f"{protocol}.csv", header, rows)
    ran = road.run(road.platform, "demo", "--once", "--sites", sites, "--run", run)
    assert ran.code == 0, ran.output[-4000:]
    summary = Summary.model_validate(ran.summary)
    readings = summary.readings
    assert readings is not None
    assert readings.unbalanced() == []
    assert "lost 0, duplicated 0, unexpected 0" in ran.output
    assert readings.replayed == 4 * sum(len(rows) for rows in recordings.values())
    # Re-reads: twice a whole row, and in rows that came again with other values the cells that did not change.
    assert readings.replayed - readings.read == 2 * (4 + 4 + 2 + 3 + 3 + 60 * 2)
    assert summary.checks is not None
    assert summary.checks.failed == 0

    lake = Lake(str(run / "lake")).tenant("dirty-co")
    refused = lake.scan(bronze.QUARANTINE).collect()
    assert refused.height == readings.quarantined == 3 + 4  # FLOAT32 carries no 1e39
    assert set(refused["reason"]) == {"value is not a number"}
    rejected = lake.scan(silver.QUARANTINE).collect()
    assert rejected.height == readings.rejected
    why = {
        site: sorted(rows["reason"].to_list())
        for (site,), rows in rejected.filter(~pl.col("signal").str.contains(":")).group_by("site")
    }
    above, below = "above the contract's maximum of 100.0 l/min", "below the contract's minimum of 0.0 l/min"
    text = "a text where the contract promises a number"
    huge = "not possible: nothing in a plant is that large, and sums of it are no numbers"
    assert why == {"opcua-bench": [text, text, above, below, huge], "modbus-bench": [above, below]}

    kept = lake.scan(silver.READINGS).collect()
    for site in ("opcua-bench", "modbus-bench"):
        mine = kept.filter(site=site).with_columns(second=(pl.col("ts") - START).dt.total_seconds())
        flow = dict(mine.filter(signal="flow").select("second", "value").iter_rows())
        pressure = dict(mine.filter(signal="pressure").select("second", "value").iter_rows())
        quality = dict(mine.filter(signal="pressure").select("second", "quality").iter_rows())
        assert (flow[420], flow[451]) == pytest.approx((77.7, 66))
        assert pressure[420] == pytest.approx(9.9)
        assert {pressure[second] for second in range(500, 560)} == {3}
        assert (pressure[321], quality[321]) == (None, BAD_NO_DATA)
        assert flow[430] == pytest.approx(30 + 430 * 7 % 11 / 10)
        assert set(mine["signal"].str.split(":").list.first()) == {"flow", "pressure", "temperature"}
    assert "secret" not in lake.scan(bronze.READINGS).collect()["text"].to_list()
