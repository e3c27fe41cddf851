"""Lanes and topics: who numbers a batch, and where it travels."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self

from core.errors import InputError


class LaneKind(StrEnum):
    """What a lane carries; every kind has a topic of its own."""

    READINGS = "readings"
    FAULTS = "faults"
    STATUS = "status"
    METRICS = "metrics"


class Lane(NamedTuple):
    """`<kind>-<live|backlog>`: an ordered stream of batches with its own sequence."""

    kind: LaneKind
    live: bool

    def __str__(self) -> str:
        return f"{self.kind.value}-{'live' if self.live else 'backlog'}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The lane of a written name.

        Raises:
            InputError: the name is not `<kind>-<live|backlog>`.
        """
        kind, _, speed = text.partition("-")
        if kind not in list(LaneKind) or speed not in ("live", "backlog"):
            raise InputError("unknown lane", expected="<readings|faults|status|metrics>-<live|backlog>", received=text)
        return cls(LaneKind(kind), speed == "live")


_TOPIC_OF_KIND = {
    LaneKind.READINGS: "scada.readings",
    LaneKind.FAULTS: "scada.faults",
    LaneKind.STATUS: "scada.status",
    LaneKind.METRICS: "etl.metrics",
}
TOPIC_SUFFIXES = (*_TOPIC_OF_KIND.values(), "quarantine", "ledger")


def topic_of(tenant: str, kind: LaneKind) -> str:
    """Topic that carries a tenant's lanes of one kind."""
    return f"{tenant}.{_TOPIC_OF_KIND[kind]}"


def quarantine_topic(tenant: str) -> str:
    """Topic that keeps batches refused for good."""
    return f"{tenant}.quarantine"


def topics_of(tenant: str) -> list[str]:
    """All topics of one tenant."""
    return [f"{tenant}.{suffix}" for suffix in TOPIC_SUFFIXES]


def transaction_id(bridge: str, incarnation: str, lane: str) -> str:
    """Name under which the lake keeps a lane's last sequence number: `<bridge>/<incarnation>/<lane>`."""
    return f"{bridge}/{incarnation}/{lane}"


REFUSED = "refused/"
"""Begins the lanes of a quarantine topic, in the lake too: their numbers rise beside those of the lanes they are from,
which a store that went back may have used for something else."""
REUSED = "reused/"
"""Begins the lanes of batches whose numbers were used before with other content."""

BRIDGE_OF = r"([^/]+)/[^/]+/\w+-(?:live|backlog)$"
"""Finds the bridge in such a name, also in one that the lake keeps apart (`refused/...`); a stray record has none."""
