"""The demo's longer roads: a newcomer's site over Kafka, and a walk that is killed, taken up and killed again.

Run by `make roads`; `make test` proves the parts: the sink and the log over a real broker, and one kill.
"""

import re
import shutil
from pathlib import Path

import pytest

from cli.demo.summary import Summary
from core.contracts.odcs import load_contract
from core.contracts.site import load_site
from tests.end_to_end.test_kill import dies
from tests.end_to_end.test_own_data import Row, clock, write_csv

pytestmark = pytest.mark.end_to_end


def pump_rows(rows: int) -> list[Row]:
    """Eight sensors and two columns of labels at 1 Hz, with steps of two seconds now and then and one long hole."""
    found: list[Row] = []
    second = 0
    for number in range(rows):
        second += 247 if number == rows // 2 else 2 if number % 20 == 19 else 1
        sensors = [0.026 + number % 7 / 1e3, 0.04 + number % 5 / 1e3, 1.3 + number % 9 / 10, 0.05, 79.3, 26.0, 233.1]
        flow = 32.0 if number < rows * 2 // 3 else 18.5
        label = "0.0" if flow > 30 else "1.0"
        found.append([clock(second), *(f"{value:.6g}" for value in sensors), str(flow), label, "0.0"])
    return found


@pytest.mark.kafka
def test_the_smallest_site_over_kafka(road, reachable: Path):
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")
    sites, run = reachable / "sites", reachable / "run"
    sites.mkdir()
    page = re.findall(r"```yaml\n(.*?)```", (road.root / "docs" / "sites.md").read_text(), re.DOTALL)[0]
    (sites / "mine.yaml").write_text(page)
    header = ["Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure", "Temperature", "Thermocouple", "Voltage"]
    write_csv(
        sites / "recording.csv",
        ["datetime", *header, "Volume Flow RateRMS", "anomaly", "changepoint"],
        pump_rows(1100),
    )
    ran = road.run("make", "demo", "KAFKA=1", f"ARGS=--once --sites {sites} --run {run}")
    assert ran.code == 0, ran.output[-4000:]
    summary = Summary.model_validate(ran.summary)
    assert summary.event_log == "kafka"
    readings = summary.readings
    assert readings is not None
    assert readings.unbalanced() == []
    assert readings.replayed == readings.read == readings.bronze == readings.silver == 2 * 1100
    assert (readings.quarantined, readings.rejected, readings.superseded, readings.gap_readings) == (0, 0, 0, 0)
    # No role, no question, no history: fewer figures, no error.
    assert summary.assets is not None
    assert summary.assets.failed == 0
    assert summary.checks is not None
    assert (summary.checks.warned, summary.checks.failed) == (0, 0)
    assert summary.kpis is not None
    assert (summary.kpis.rows, summary.answers) == (0, [])
    written = sites / "test-loop.contract.yaml"
    assert str(written) in ran.output
    site, _ = load_site(sites / "mine.yaml")
    assert set(load_contract(written, site).signals) == {
        ("centrifugal_pump", "flow"),
        ("centrifugal_pump", "motor_current"),
    }


def test_the_supervisor_dies_twice(road, reachable: Path):
    dies(road, reachable, 2)
