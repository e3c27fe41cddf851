"""Numbers that were used again: is a batch that comes once more the one the lake has, or another under its number?

A bridge resends what was not acknowledged, byte for byte. Other content under a known number means that its site's
store went back to an older copy, or that two bridges share one: dropping it would lose readings. Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import polars as pl

from core.contracts.lanes import REFUSED, REUSED
from ingestion.sink.batch import Batch, own_counts
from ingestion.sink.columns import unite, unite_counts
from lake.tables.bronze import BRIDGE_COUNTS

REASON = "number was used before with other content: the site's store may have gone back to an older copy"
_WHERE = ("equipment_id", "ts")
"""What a row in quarantine is known by: not every kind of row has all of its columns there."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the lake has under some numbers; every frame has `lane` and `seq`.

    Attributes:
        main: rows of the topic's own table.
        apart: rows of quarantine, with `row_no`, `equipment_id`, `ts` and `header`.
        counts: the bridges' books.
    """

    main: pl.DataFrame
    apart: pl.DataFrame
    counts: pl.DataFrame


def kept_apart(batch: Batch, payload: bytes) -> Batch:
    """A batch whose number stands for other content, on a lane of its own and on its way to quarantine.

    Its books count: what it carried was read, and is now kept apart.
    """
    return replace(
        batch,
        lane=f"{REUSED}{batch.lane}",
        rows=None,
        counts=own_counts(batch.counts, batch.header),
        reason=REASON if batch.reason in (None, REASON) else f"{REASON}; {batch.reason}",
        payload=payload,
        salvaged=batch.rows if batch.rows is not None else batch.salvaged,
        ordered=False,
    )


def is_other(batch: Batch, known: Known) -> bool:
    """True unless the lake has this very batch under its number.

    Args:
        batch: one with a header; no tombstone.
        known: what the lake has, at least of the batch's number in its lane and in what the gateway refused of it.
    """
    mine = (pl.col("lane") == batch.lane) & (pl.col("seq") == batch.seq)
    apart = known.apart.filter(mine)
    # What the gateway refused when it came first leaves a tombstone under the number, and its content in quarantine.
    refused = known.apart.filter(pl.col("lane") == f"{REFUSED}{batch.lane}", pl.col("seq") == batch.seq)
    headers = (*apart["header"].drop_nulls(), *refused["header"].drop_nulls())
    if _digest(batch) in {json.loads(text)["payload_sha256"] for text in headers}:
        return False
    if batch.rows is None:
        return True
    if not batch.size:
        return _other_counts(batch, known.counts.filter(mine))
    sent = pl.DataFrame(unite([batch])[0])
    main = known.main.filter(mine)
    columns = [
        name for name in sent.columns if name in main.columns and name not in ("received_at", "contract_version")
    ]
    there = main.select(columns).join(sent.select(columns), on=columns, how="semi", nulls_equal=True)
    beside = apart.join(sent, on=["row_no", *_WHERE], how="semi")
    covered = set(there["row_no"]) | set(beside["row_no"])
    return there.height < main.height or covered != set(range(batch.size))


def _digest(batch: Batch) -> str:
    return batch.header.payload_sha256 if batch.header is not None else ""


def _other_counts(batch: Batch, known: pl.DataFrame) -> bool:
    """A batch without rows carries books; one without books carries nothing that could be lost."""
    if batch.counts is None or not batch.counts.num_rows:
        return False
    sent = pl.DataFrame(BRIDGE_COUNTS.conform(unite_counts([batch])))
    columns = [name for name in sent.columns if name in known.columns]
    return sent.select(columns).join(known.select(columns), on=columns, how="anti").height > 0
