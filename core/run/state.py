"""`run.json`: which ports this installation uses, which processes are its own, and which parts are held down."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.errors import InputError
from core.run.locks import exclusive
from core.run.marks import ProcessMark


@dataclass(slots=True)
class RunState:
    """What `run.json` holds.

    Attributes:
        ports: port by part name.
        processes: process by part name.
        held: until when a part stays down, seconds since the epoch, by part name.
    """

    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ProcessMark] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)


def read_state(file: Path) -> RunState:
    """Read the state; an installation that never ran has an empty one.

    Raises:
        InputError: the file is not what this product writes.
    """
    try:
        raw = json.loads(file.read_text())
        processes = {name: ProcessMark(int(m["pid"]), float(m["started"])) for name, m in raw["processes"].items()}
        held = {name: float(until) for name, until in raw.get("held", {}).items()}
        return RunState({name: int(port) for name, port in raw["ports"].items()}, processes, held)
    except FileNotFoundError:
        return RunState()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "the state of the run folder cannot be read",
            expected="the JSON this product wrote",
            where=str(file),
            next_step="stop everything that runs from this folder, then delete the file",
        ) from error


@contextmanager
def changed_state(file: Path) -> Generator[RunState]:
    """Change the state under its lock; it is replaced as a whole when the block ends without an error."""
    with exclusive(file.with_suffix(".lock")):
        state = read_state(file)
        yield state
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(state), indent=2, sort_keys=True) + "\n")
        new.replace(file)
