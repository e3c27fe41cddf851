"""Fixtures of pipelines: a home folder with a tank's derived signals, and a bench that runs what lies in it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.etl.memory import Run, rejects, run_of
from bridge.etl.run import Runner
from bridge.etl.service import Pipelines, load_of, remember_site
from bridge.journal import decode_frame, samples_of
from bridge.recorder import Recorder
from bridge.store import Store
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.settings import BridgeSettings

SITE = SiteFile.model_validate(
    {
        "tenant": "newcomer-co",
        "site": "loop",
        "protocol": "modbus",
        "timezone": "Europe/Berlin",
        "equipment": [
            {
                "id": "tank-[1..2]",
                "type": "tank",
                "signals": [
                    {"name": "level"},
                    {"name": "ph", "derived": True},
                    {"name": "mood", "derived": True},
                ],
            }
        ],
    }
)


class Bench:
    """One home folder with a recorder and a runner."""

    def __init__(self, store: Store) -> None:
        self.store, self.home = store, store.home
        self.data = self.home / "data"
        self.data.mkdir(exist_ok=True)
        (self.home / "local" / "steps").mkdir(parents=True, exist_ok=True)
        (self.home / "local" / "steps").chmod(0o755)
        self.open()

    def open(self) -> None:
        self.recorder = Recorder(self.store, SITE, clocked=True)
        self.connection = self.store.connect()
        self.pipelines = Pipelines(self.store, self.recorder, SITE, BridgeSettings())

    def close(self) -> None:
        self.pipelines.close()
        self.connection.close()
        self.recorder.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def write(self, text: str, name: str = "lab") -> None:
        """Put a pipeline where the site's owner puts his."""
        folder = self.home / "local" / "etl"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(textwrap.dedent(text).replace("DATA", str(self.data)))

    def run(self, name: str = "lab", *, again: bool = False, max_bytes: int = 1 << 20) -> Run:
        runner = Runner(
            self.home,
            self.connection,
            self.recorder,
            derived=SITE.derived(),
            zone=SITE.timezone,
            max_bytes=max_bytes,
            journaled=lambda: None,
        )
        run_id = runner.run(load_of(self.home, SITE).pick(name), "command", again=again)
        found = run_of(self.connection, run_id)
        assert found is not None
        return found

    def refused(self, run: Run) -> list[tuple[int | None, str]]:
        return [(one.row, one.reason) for _, one in rejects(self.connection, run.id, 1000)]

    def readings(self) -> list[Sample]:
        """Every journaled reading, in order."""
        frames = self.connection.execute("select payload from frames where rows > 0 order by id")
        return [sample for (payload,) in frames for sample in samples_of(decode_frame(payload))]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A home folder of this test's own."""
    with Store.open(tmp_path / "home") as store:
        remember_site(store, SITE)
        one = Bench(store)
        yield one
        one.close()
