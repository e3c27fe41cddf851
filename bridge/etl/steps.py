"""Python steps: functions of the site owner's own folder, each run in a process that may fail, hang or die alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa

from bridge.etl.form import Pipeline, PythonStep
from core.errors import InputError

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_LONGEST_WORDS = 500
_ENVIRONMENT = ("PATH", "PYTHONPATH", "HOME", "LANG", "TZ")
"""What a step sees of the bridge's environment: no key of the bridge stands in it."""


def check_steps(pipeline: Pipeline, folder: Path) -> None:
    """Every Python step of a pipeline lies in the folder, and nobody but its owner can change it.

    Raises:
        InputError: there is no such file, or others may write it.
    """
    for step in pipeline.transform:
        if isinstance(step, PythonStep):
            for path in (folder, _file_of(step, folder)):
                _only_its_owner_writes(path, step)


def _file_of(step: PythonStep, folder: Path) -> Path:
    return folder.joinpath(*step.python.partition(":")[0].split(".")).with_suffix(".py")


def _only_its_owner_writes(path: Path, step: PythonStep) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(
            f"no Python step {step.python!r}",
            expected=f"a file the site's owner has put at {path}",
            received=error.strerror,
            next_step="write the step, or correct its name",
        ) from error
    if mode & _OTHERS_MAY_WRITE:
        raise InputError("others may write a Python step", where=str(path), next_step=f"chmod go-w {path}")


class StepRunner:
    """Runs steps of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, step: PythonStep, table: pa.Table) -> pa.Table:
        """The table a step gives back.

        Raises:
            InputError: it fails, lasts too long, or gives something else than a table.
        """
        command = [sys.executable, "-m", "bridge.etl.step_process", str(self._folder), step.python]
        try:
            done = subprocess.run(  # noqa: S603  the product's own module, the names checked by the form
                command,
                input=_packed(table),
                capture_output=True,
                timeout=step.timeout_s,
                check=False,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"Python step {step.python!r} takes too long",
                expected=f"at most {step.timeout_s:g} s",
                next_step="make it faster, or raise its timeout_s",
            ) from error
        if done.returncode:
            words = " ".join(done.stderr.decode(errors="replace").split()[-60:])[-_LONGEST_WORDS:]
            raise InputError(f"Python step {step.python!r} failed", received=words or f"exit code {done.returncode}")
        return _unpacked(done.stdout, step)


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked(stream: bytes, step: PythonStep) -> pa.Table:
    try:
        return pa.ipc.open_stream(stream).read_all()
    except pa.ArrowException as error:
        raise InputError(f"Python step {step.python!r} gave no table", received=str(error)[:200]) from error
