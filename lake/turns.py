"""Who may commit to the lake: everybody at once on a store that was proven to let one win, else one process.

What is built and what the sink writes are two seats, so that on any store one sink and one builder work side by side:
no table is written by both. In the process that has a seat, commits to one table take turns.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.errors import TerminalError
from core.log import get_logger
from lake.spec import Layer
from lake.storage import Storage

if TYPE_CHECKING:
    from core.db.seat import Seat

_GOOD_FOR_S = 86_400.0
"""A store may be changed without anybody telling us."""
_log = get_logger("lake")


class Turns(Protocol):
    """Hands out turns to commit."""

    def sit(self, layer: Layer) -> None:
        """Be one who writes tables of a layer, or be refused."""
        ...

    def of(self, location: str, layer: Layer) -> AbstractContextManager[bool]:
        """Commit to a table for a block; True if nobody else may meanwhile, and the store will not notice a clash."""
        ...


class FreeTurns:
    """For a store that lets one writer win; implements `Turns`."""

    def sit(self, layer: Layer) -> None:
        """Nobody is refused."""

    @contextmanager
    def of(self, location: str, layer: Layer) -> Generator[bool]:  # noqa: ARG002  the protocol's signature
        """Nobody waits."""
        yield False


class ProvenTurns:
    """For any store: raced at the first commit of a process unless that was done within a day.

    Args:
        storage: of the lake.
        proof: file in which the last outcome is remembered.
        dsn: of the database all processes share; asked for only where a seat is needed.
    """

    def __init__(self, storage: Storage, proof: Path, dsn: Callable[[], str]) -> None:
        self._storage = storage
        self._proof = proof
        self._dsn = dsn
        self._proven: bool | None = None
        self._deciding = threading.Lock()
        self._seats: dict[str, Seat] = {}
        self._tables: dict[str, threading.RLock] = defaultdict(threading.RLock)

    def sit(self, layer: Layer) -> None:
        """Be one who writes tables of a layer.

        Raises:
            TerminalError: the store lets two writers win, and another process writes there.
            TransientError: store or database do not answer.
        """
        if self._is_proven():
            return
        from core.db.seat import Seat

        what = "bronze" if layer is Layer.BRONZE else "what is built"
        with self._deciding:
            # The name says the lake: another one on the same server has seats of its own.
            if what not in self._seats:
                self._seats[what] = Seat(self._dsn(), f"{self._storage.root} {what}")
            taken = not self._seats[what].take()
        if taken:
            raise TerminalError(
                "several writers are refused: this store lets two win who put the same object, and one loses its rows",
                expected=f"one process that writes {what}, and there is one",
                where=self._storage.root,
                next_step="stop the other one, or use another store; `platform lake doctor` tells which take several",
            )

    @contextmanager
    def of(self, location: str, layer: Layer) -> Generator[bool]:
        """Commit to a table for a block."""
        if self._is_proven():
            yield False
            return
        self.sit(layer)
        with self._deciding:  # two threads must not make a lock each
            table = self._tables[location]
        with table:
            yield True

    def _is_proven(self) -> bool:
        if self._proven is None:
            with self._deciding:
                if self._proven is None:
                    self._proven = self._decide()
        return self._proven

    def _decide(self) -> bool:
        known = remembered(self._proof, self._storage)
        if known is not None:
            return known
        if self._storage.kind is None:
            return True  # a file system; the doctor says so where it is none
        from lake.race import race

        proven = race(self._storage).proven
        remember(self._proof, self._storage, proven=proven)
        if not proven:
            _log.warning("store lets two writers win: one process at a time", action="race", root=self._storage.root)
        return proven


def remembered(proof: Path, storage: Storage) -> bool | None:
    """How the last race on this very store went; None if one has to be run. Two winners are remembered until the doctor
    finds otherwise, one winner for a day."""
    try:
        found = json.loads(proof.read_text(encoding="utf-8"))
        fresh = 0 <= time.time() - found["at"] < _GOOD_FOR_S
        if found["store"] == _identity(storage) and (fresh or not found["proven"]):
            return bool(found["proven"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def remember(proof: Path, storage: Storage, *, proven: bool) -> None:
    """Note how a race went."""
    text = json.dumps({"store": _identity(storage), "proven": proven, "at": time.time()})
    new = proof.with_name(f".{proof.name}-{threading.get_native_id()}")
    new.write_text(text, encoding="utf-8")
    new.replace(proof)


def _identity(storage: Storage) -> str:
    return f"{storage.root} at {storage.endpoint}"
