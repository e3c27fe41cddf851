"""Whether a store lets one writer win: several put the same new object at once, again and again.

A Delta commit is such a put. Where two win, the later one overwrites the earlier one's commit, and nobody is told.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lake.object_store import scratch, told
from lake.storage import Storage

CONTENDERS = 8
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Race:
    """How conditional puts went.

    Attributes:
        rounds: how many were run; the first in which not exactly one won is the last.
        winners: those of the last round; none where the one that won did not learn of it.
        kept: whether the object of the last round is there, and is its winner's.
    """

    rounds: int
    winners: int
    kept: bool

    @property
    def proven(self) -> bool:
        """One won, every time."""
        return self.winners <= 1 and self.kept


def race(storage: Storage, *, rounds: int = ROUNDS) -> Race:
    """Race on a store, under a folder of its own that is removed afterwards.

    Raises:
        TransientError: the store does not answer.
        TerminalError: it refuses.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    outcome = Race(0, 0, kept=False)
    with scratch(storage) as (_, store), ThreadPoolExecutor(CONTENDERS) as pool:
        for number in range(1, rounds + 1):
            name = f"race-{number}"
            start = threading.Barrier(CONTENDERS)

            def attempt(contender: int, name: str = name, start: threading.Barrier = start) -> bool:
                start.wait()
                try:
                    with told(storage.root):
                        obstore.put(store, name, f"{contender}".encode(), mode="create")
                except (AlreadyExistsError, PreconditionError):
                    return False
                return True

            won = [contender for contender, well in enumerate(pool.map(attempt, range(CONTENDERS))) if well]
            with told(storage.root):
                held = bytes(obstore.get(store, name).bytes()).decode()
            kept = not won or held == str(won[0])
            outcome = Race(number, len(won), kept)
            if not outcome.proven:
                break
    return outcome
