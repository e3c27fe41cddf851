"""A backlog on its way out: neighbours are put together, since a large batch costs little more than a small one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.contracts.batch import BatchHeader, MalformedBatchError, digest, join


@dataclass(frozen=True, slots=True)
class Waiting:
    """One batch nobody has acknowledged."""

    id: int
    lane: str
    seq: int
    rows: int
    header: BatchHeader
    payload: bytes


@dataclass(frozen=True, slots=True)
class Largest:
    """What is put together holds at most so much, unless a single batch held more."""

    rows: int
    bytes: int


def neighbours(batches: Iterable[Waiting], largest: Largest) -> Iterator[list[Waiting]]:
    """Runs of batches of one lane that may become one, in order: all under one contract."""
    run: list[Waiting] = []
    rows = size = 0
    for batch in batches:
        rows, size = rows + batch.rows, size + len(batch.payload)
        same = not run or batch.header.contract_sha256 == run[0].header.contract_sha256
        if run and not (same and rows <= largest.rows and size <= largest.bytes):
            yield run
            run, rows, size = [], batch.rows, len(batch.payload)
        run.append(batch)
    if run:
        yield run


def as_one(run: Sequence[Waiting], seq: int) -> Waiting:
    """A run of neighbours as one batch under a number; it keeps the place of the first.

    Raises:
        MalformedBatchError: one of several is not as it was stored.
    """
    first = run[0]
    if len(run) == 1:
        return replace(first, seq=seq, header=replace(first.header, seq=seq))
    if any(digest(one.payload) != one.header.payload_sha256 for one in run):
        raise MalformedBatchError("payload does not match its SHA-256", where=f"outbox, {first.lane}")
    payload, rows = join([one.payload for one in run]), sum(one.rows for one in run)
    header = replace(first.header, seq=seq, rows=rows, payload_sha256=digest(payload))
    return replace(first, seq=seq, rows=rows, header=header, payload=payload)
