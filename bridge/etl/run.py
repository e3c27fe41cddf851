"""One run of a pipeline: input by input, each loaded and remembered in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bridge.etl.check import validate
from bridge.etl.files import write_file
from bridge.etl.folder import Placed
from bridge.etl.form import Output
from bridge.etl.frame import ROW, Frame
from bridge.etl.load import Derived, to_samples
from bridge.etl.memory import Counts, Memory
from bridge.etl.source import Input, inputs
from bridge.etl.steps import StepRunner
from bridge.etl.transform import apply
from bridge.recorder import Recorder
from bridge.store import transaction
from core import faults
from core.contracts.reading import Sample
from core.errors import GoldlayerError
from core.log import get_logger

_PIECE = 20_000
"""Readings of one transaction: a device must not wait long for its own."""
BEFORE_LOADED = "bridge.etl_before_loaded"
"""Fault point: part of an input is journaled, and nothing remembers that it was loaded."""
_log = get_logger("bridge")


class Runner:
    """Runs pipelines, one at a time.

    Args:
        home: the bridge's home folder.
        connection: to its database, this runner's own.
        recorder: the one door to the journal.
        derived: signals that may be made here.
        zone: the site's time zone.
        max_bytes: largest file taken as an input.
        journaled: called whenever the journal has new readings.
    """

    def __init__(
        self,
        home: Path,
        connection: sqlite3.Connection,
        recorder: Recorder,
        *,
        derived: Derived,
        zone: str,
        max_bytes: int,
        journaled: Callable[[], None],
    ) -> None:
        self._home, self._connection, self._recorder = home, connection, recorder
        self._derived, self._zone, self._max_bytes, self._journaled = derived, zone, max_bytes, journaled

    def run(
        self, placed: Placed, cause: str, *, again: bool = False, stopped: Callable[[], bool] = lambda: False
    ) -> int:
        """Load what is new; an input that fails is tried again by the next run and keeps no other from being loaded.

        Args:
            placed: the pipeline.
            cause: `schedule` or `command`.
            again: take also what was loaded before; readings that the journal has are not doubled.
            stopped: asked between two inputs.

        Returns:
            Number of the run.
        """
        name = placed.pipeline.pipeline
        memory = Memory(self._connection, name)
        if again:
            memory.forget()
        run_id = memory.begin(placed.sha256, cause)
        problem: str | None = None
        try:
            for one in inputs(placed.pipeline.source, placed.place, memory, self._home, self._max_bytes):
                try:
                    self._load(placed, one, memory, run_id)
                except GoldlayerError as error:
                    problem = problem or f"{one.name}: {error}"
                    if one.cursor is not None:
                        break  # what comes behind must not be remembered as the last one read
                if stopped():
                    break
        except GoldlayerError as error:
            problem = problem or str(error)
        except Exception as error:  # a definition must never be able to end the bridge
            problem = f"{type(error).__name__}: {error}"
        memory.end(run_id, problem)
        if problem:
            _log.error("pipeline failed", action="etl", pipeline=name, run=run_id, error=problem)
        return run_id

    def _load(self, placed: Placed, one: Input, memory: Memory, run_id: int) -> None:
        frame = one.read()
        read = frame.table.num_rows + len(frame.rejects)
        run_python = StepRunner(placed.steps)
        for step in placed.pipeline.transform:
            apply(frame, step, self._zone, run_python)
        validate(frame, placed.pipeline.validate_)
        samples, rows = self._made(placed, frame)
        if placed.pipeline.load.file is not None:
            _write(placed, placed.pipeline.load.file, one, frame)
        counts = Counts(read, frame.filtered, len(frame.rejects), rows)
        remember = memory.loaded(run_id, one.name, one.sha256, one.stamp, one.cursor, counts, frame.rejects)
        self._journal(samples, remember)

    def _made(self, placed: Placed, frame: Frame) -> tuple[list[Sample], int]:
        target = placed.pipeline.load.readings
        return to_samples(frame, target, self._derived) if target else ([], frame.table.num_rows)

    def _journal(self, samples: list[Sample], remember: Callable[[sqlite3.Connection, int], None]) -> None:
        """Readings piece by piece, the last one with the memory of the whole; a piece that is there already is no
        reading again, so that dying in between doubles nothing."""
        fresh = 0
        while len(samples) > _PIECE:
            fresh += self._recorder.derive(samples[:_PIECE])
            samples = samples[_PIECE:]
            self._journaled()
            faults.die_here(BEFORE_LOADED)
        if samples:
            self._recorder.derive(samples, lambda connection, new: remember(connection, fresh + new))
            self._journaled()
        else:
            with transaction(self._connection) as connection:
                remember(connection, fresh)


def _write(placed: Placed, output: Output, one: Input, frame: Frame) -> None:
    """The same input makes the same file, however often it is written."""
    folder = placed.place.resolve(output.folder)
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(one.name).stem)[:80]
    path = folder / f"{placed.pipeline.pipeline}-{stem}-{one.sha256[:12]}.{output.format}"
    write_file(path, frame.table.drop_columns([ROW]), output.format)
