"""Which batches of a topic may be committed: in order inside each lane, none twice, none missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from core.log import get_logger
from ingestion.sink.batch import Batch

_log = get_logger("sink")


_REMEMBERED = 4_096
"""Numbers of a lane behind the newest whose content is remembered: a resend is known without asking the lake."""


class Verdict(Enum):
    """What a batch is to what is known of its lane."""

    NEW = "new"
    AGAIN = "again"
    OTHER = "other"
    """Its number was used before, with other content."""
    UNKNOWN = "unknown"
    """Its number was used before; only the lake knows for what."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the next commits carry.

    Attributes:
        batches: in the order they may be written.
        offsets: where reading resumes once they are in the lake, by partition; only those that moved.
    """

    batches: list[Batch]
    offsets: dict[int, int]


@dataclass(slots=True)
class Assembly:
    """Orders what is read of one topic; pure, so a crash is simply a new one.

    Attributes:
        resume: offsets the lake has, by partition.
        gapless: True if `seq` must rise by exactly one; a batch further ahead is parked until the hole is filled.
        room: rows that may be parked in memory; further ones are left in the log.
        last: last number of each lane that is in the lake or ready; 0 for a new lane.
        rows: rows that are ready.
        dropped: batches that came twice.
        reread: True once a lane goes on whose parked batches were left in the log: they have to be read again.
    """

    resume: dict[int, int]
    gapless: bool = True
    room: int = 500_000
    last: dict[str, int] = field(default_factory=dict[str, int])
    rows: int = 0
    dropped: int = 0
    reread: bool = False
    _position: dict[int, int] = field(default_factory=dict[int, int])
    _ready: list[Batch] = field(default_factory=list[Batch])
    _parked: dict[str, dict[int, Batch]] = field(default_factory=dict[str, dict[int, Batch]])
    _left: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    _digests: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])

    def position(self, partition: int) -> int:
        """The offset to read next."""
        return self._position.get(partition, self.resume.get(partition, 0))

    @property
    def parked_rows(self) -> int:
        """Rows that wait for a hole in their lane to be filled."""
        return sum(batch.size for lane in self._parked.values() for batch in lane.values())

    @property
    def has_news(self) -> bool:
        """True if a commit would change anything, be it only an offset."""
        return bool(self._ready) or bool(self._moved())

    def judge(self, batch: Batch) -> Verdict:
        """Whether a batch that may be offered now is new, a resend, or another one under a known number."""
        if batch.header is None or batch.header.tombstone:
            return Verdict.NEW
        parked = self._parked.get(batch.lane, {}).get(batch.seq)
        known = self._digests.get(batch.lane, {}).get(batch.seq) if parked is None else _digest(parked)
        if known is not None:
            return Verdict.AGAIN if known == batch.header.payload_sha256 else Verdict.OTHER
        return Verdict.UNKNOWN if batch.seq <= self.last[batch.lane] else Verdict.NEW

    def offer(self, batch: Batch) -> None:
        """Take one record, the next of its partition; its lane must stand in `last`.

        A number that was taken before is dropped: `judge` tells whether that loses nothing.
        """
        self._position[batch.partition] = batch.offset + 1
        last = self.last[batch.lane]
        if batch.seq <= last:
            self.dropped += 1
        elif self.gapless and batch.ordered and batch.seq > last + 1:
            self._park(batch, last)
        else:
            self._accept(batch)

    def _park(self, batch: Batch, last: int) -> None:
        lane = self._parked.setdefault(batch.lane, {})
        if not lane and batch.lane not in self._left:
            _log.error(
                "lane has a hole; what follows is parked until it is filled",
                action="park",
                lane=batch.lane,
                expected=last + 1,
                received=batch.seq,
            )
        if self.parked_rows + batch.size <= self.room:
            lane.setdefault(batch.seq, batch)
        else:
            self._left.setdefault(batch.lane, (batch.partition, batch.offset))

    def _accept(self, batch: Batch) -> None:
        following: Batch | None = batch
        while following is not None:
            self._ready.append(following)
            self.rows += following.size
            self.last[following.lane] = following.seq
            digest = _digest(following)
            if digest is not None:
                self._digests.setdefault(following.lane, {})[following.seq] = digest
            waiting = self._parked.get(following.lane, {})
            # A number that was parked and also came again in order is dropped with the rest of what is behind.
            for seq in [seq for seq in waiting if seq <= following.seq]:
                del waiting[seq]
            following = waiting.pop(following.seq + 1, None)
        self.reread = self.reread or batch.lane in self._left
        if not self._parked.get(batch.lane, True):
            del self._parked[batch.lane]
            _log.info("hole in a lane is filled", action="unpark", lane=batch.lane)

    def _moved(self) -> dict[int, int]:
        """Resume offsets as they would be if all that is ready were in the lake: never beyond a parked batch."""
        moved = dict(self._position)
        parked = [(batch.partition, batch.offset) for lane in self._parked.values() for batch in lane.values()]
        for place, offset in (*parked, *self._left.values()):
            moved[place] = min(moved[place], offset)
        return {place: offset for place, offset in moved.items() if offset > self.resume.get(place, 0)}

    def take(self) -> Chunk:
        """Everything that is ready; the assembly goes on behind it."""
        chunk = Chunk(self._ready, self._moved())
        self._forget(chunk.batches)
        self._ready, self.rows = [], 0
        self.resume = {**self.resume, **chunk.offsets}
        return chunk

    def _forget(self, taken: list[Batch]) -> None:
        """Content that lies far behind what is taken now: it is in the lake, which can be asked."""
        first: dict[str, int] = {}
        for batch in taken:
            first.setdefault(batch.lane, batch.seq)
        for lane, seq in first.items():
            known = self._digests.get(lane, {})
            for old in [one for one in known if one < seq - _REMEMBERED]:
                del known[old]


def _digest(batch: Batch) -> str | None:
    """What tells contents apart; None for what carries none."""
    return None if batch.header is None or batch.header.tombstone else batch.header.payload_sha256
