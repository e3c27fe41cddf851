"""Real installations for tests: a run folder with its PostgreSQL up."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings


@dataclass(frozen=True)
class Installation:
    """A run folder with its PostgreSQL up."""

    run: RunFolder
    settings: Settings
    postgres: Postgres


@contextmanager
def opened_installation(settings: Settings, template: Path | None = None) -> Generator[Installation]:
    """An installation for the block, in a new run folder or in a copy of `template`, whose PostgreSQL is down."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-"))
    folder.chmod(0o711)
    try:
        if template is not None:
            # Unlike shutil's, this copy leaves PostgreSQL's files to PostgreSQL's own account.
            subprocess.run(["cp", "-a", str(template), str(folder / "run")], check=True)
            (folder / "run" / "run.json").unlink()
        run = RunFolder.open(folder / "run", settings)
        postgres = Postgres(run, settings)
        with postgres.running():
            yield Installation(run, settings, postgres)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
