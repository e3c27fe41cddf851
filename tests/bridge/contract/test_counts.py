"""The books of one step."""

from __future__ import annotations

from bridge.contract.counts import FORWARDED, HOUR_US, Counts, merge, to_arrow
from core.contracts.reading import COUNTS_SCHEMA


def test_lines_add_up_and_travel_as_counts_schema() -> None:
    counts = Counts()
    name = ("p1", "flow")
    counts.add((name, name), 5, FORWARDED, 2)
    counts.add((name, name), HOUR_US - 1, FORWARDED)
    counts.add((("p1", "*"), ("p1", "level")), HOUR_US, FORWARDED)
    pending = dict(counts.upstream)
    merge(pending, counts.upstream)
    batch = to_arrow("loop", pending)
    assert batch.schema.equals(COUNTS_SCHEMA)
    assert [(r["signal"], r["forwarded"]) for r in batch.to_pylist()] == [("flow", 6), ("*", 2)]
    assert set(counts.local) == {("p1", "flow"), ("p1", "level")}
