"""The road, run as a user runs it; the packaged demo once for all tests."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

SMALL_SITE = """
tenant: newcomer-co
site: {site}
protocol: {protocol}
recording:
  path: recording.csv
  delimiter: ";"
  timestamp: {{column: datetime, format: "%Y-%m-%d %H:%M:%S"}}
  labels: {{columns: [anomaly]}}
equipment:
  - id: pump-1
    type: centrifugal_pump
    signals:
      - {{name: flow, column: Flow, unit: l/min}}
      - {{name: acceleration, column: Vibration, unit: g}}
      - {{name: motor_current, column: Current, unit: A}}
"""


@dataclass(frozen=True)
class Ran:
    """A finished command: everything it printed, in the order in which it was printed."""

    code: int
    output: str

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of the whole output."""
        return json.loads(self.output.strip().splitlines()[-1])


class Road:
    """Commands and sites for tests that see the product from outside."""

    root = ROOT
    platform = ROOT / ".venv" / "bin" / "platform"

    @staticmethod
    def environment() -> dict[str, str]:
        """The caller's, without what would steer the product."""
        return {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("GOLDLAYER_", "PYTEST_", "MAKE", "MFLAGS"))
        }

    def run(self, *argv: object, cwd: Path = ROOT, timeout_s: float = 600) -> Ran:
        """Run a command to its end."""
        done = subprocess.run(
            [str(word) for word in argv], cwd=cwd, env=self.environment(), text=True, timeout=timeout_s, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout)

    def start(self, *argv: object, output: Path) -> subprocess.Popen[bytes]:
        """Start a command that stays."""
        with output.open("wb") as file:
            return subprocess.Popen(
                [str(word) for word in argv], env=self.environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    @staticmethod
    def small_rows(count: int = 900) -> list[str]:
        """A pump at 1 Hz in which nothing is wrong, as lines of a CSV."""
        lines = ["datetime;Flow;Vibration;Current;anomaly"]
        for second in range(count):
            flow = 30 + (second * 7 % 11) / 10
            clock = f"2020-03-09 {10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            lines.append(f"{clock};{flow:.2f};{0.02 + (second % 5) / 1000:.4f};{flow / 20:.3f};0")
        return lines

    @staticmethod
    def small_site(folder: Path, rows: Sequence[str], protocol: str = "opcua", site: str = "test-loop") -> Path:
        """A folder with a site file and its recording; sites of one folder share the recording."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{site}.yaml").write_text(SMALL_SITE.format(protocol=protocol, site=site))
        (folder / "recording.csv").write_text("\r\n".join(rows) + "\r\n")
        return folder


@dataclass(frozen=True)
class Demo:
    """The packaged demo after `make demo`, and the folder it left."""

    ran: Ran
    run: Path

    @property
    def summary(self) -> dict[str, Any]:
        """What the last line says."""
        return self.ran.summary


@pytest.fixture(scope="session")
def road() -> Road:
    return Road()


@pytest.fixture(scope="session")
def demo(road: Road) -> Iterator[Demo]:
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-demo-"))
    folder.chmod(0o711)
    ran = road.run("make", "demo", f"ARGS=--once --run {folder / 'run'}")
    assert ran.code == 0, ran.output[-6000:]
    yield Demo(ran, folder / "run")
    shutil.rmtree(folder, ignore_errors=True)
