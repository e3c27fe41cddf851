"""What happens to an installation in a round: drawn from a seed, so that a round can be had again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from bridge.journal import BEFORE_FSYNC
from bridge.store import DISK_FULL
from core.clock import CLOCK
from ingestion.gateway.intake import AFTER_LOG
from ingestion.sink.writer import BEFORE_READINGS


class Kind(StrEnum):
    """Ways to disturb."""

    KILL = "kill -9"
    """A process ends at once; its supervisor starts it again."""
    FREEZE = "freeze"
    """A process stands still for a while."""
    CUT = "cut"
    """A bridge's link ends and stays down for a while."""
    POINT = "die at"
    """The next process that comes by a fault point dies there."""
    DISK = "disk full"
    """No bridge can write for a while (a fault point in front of its database)."""
    CLOCK = "clock"
    """The bridges' wall clock is wrong from now to the end of the round."""
    REPEAT = "repeat"
    """A bridge's next batches arrive twice."""
    SWAP = "swap"
    """A bridge's next two batches change places."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One disturbance.

    Attributes:
        after_s: seconds since the one before.
        kind: what it is.
        target: process, link or fault point.
        amount: seconds it lasts; of a clock, seconds it is wrong; of batches, how many.
    """

    after_s: float
    kind: Kind
    target: str
    amount: float = 0.0

    def __str__(self) -> str:
        amount = f" {self.amount:.1f}" if self.amount else ""
        return f"{self.kind} {self.target}{amount}"


SITES = ("loop-opcua", "loop-modbus")
_POINTS = (BEFORE_FSYNC, AFTER_LOG, BEFORE_READINGS)
_CLOCK_STEPS_S = (-3600.0, -30.0, 30.0, 3600.0)


def draw(seed: int, number: int, duration_s: float, *, kafka: bool) -> list[Fault]:
    """The faults of one round: four to seven within its first three quarters."""
    dice = random.Random(f"{seed} {number} faults")
    count = dice.randint(4, 7)
    pauses = [dice.random() + 0.2 for _ in range(count)]
    scale = 0.75 * duration_s / sum(pauses)
    return [_one(dice, pause * scale, kafka=kafka) for pause in pauses]


def _one(dice: random.Random, after_s: float, *, kafka: bool) -> Fault:
    kind = dice.choices(list(Kind), weights=(8, 2, 3, 5, 1, 1, 2, 2))[0]
    site = dice.choice(SITES)
    processes = [f"bridge-{site}", "gateway", "sink", "postgres", *(["broker"] if kafka else [])]
    match kind:
        case Kind.KILL:
            return Fault(after_s, kind, dice.choice(processes))
        case Kind.FREEZE:
            return Fault(after_s, kind, dice.choice(processes[:3]), dice.uniform(0.5, 3.0))
        case Kind.CUT:
            return Fault(after_s, kind, site, dice.uniform(0.2, 4.0))
        case Kind.POINT:
            return Fault(after_s, kind, dice.choice(_POINTS))
        case Kind.DISK:
            return Fault(after_s, kind, DISK_FULL, dice.uniform(0.5, 2.0))
        case Kind.CLOCK:
            return Fault(after_s, kind, CLOCK, dice.choice(_CLOCK_STEPS_S))
        case Kind.REPEAT:
            return Fault(after_s, kind, site, dice.randint(1, 3))
        case Kind.SWAP:
            return Fault(after_s, kind, site, 1)
