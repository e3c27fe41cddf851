"""Every file in `doors/` is a room; nobody has to register one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from tests.isolation.attempt import Attempt
from tests.isolation.world import World


class Room(Protocol):
    """What a file in `doors/` has."""

    NOT_A_DOOR: dict[str, str]
    """What introspection finds but leads to no tenant's data, and why."""

    def found(self, world: World) -> set[str]:
        """Doors the product has, by introspection."""
        ...

    def attempts(self, world: World) -> Iterator[Attempt]:
        """Everything that is tried."""
        ...


_FIRST = "exports"


def _rooms() -> dict[str, Room]:
    # What A types at the other doors stands in A's own tables and log, names of B's among it: files are read first.
    files = sorted((Path(__file__).parent / "doors").glob("*.py"), key=lambda file: (file.stem != _FIRST, file.stem))
    return {file.stem: cast("Room", importlib.import_module(f"tests.isolation.doors.{file.stem}")) for file in files}


ROOMS = _rooms()
