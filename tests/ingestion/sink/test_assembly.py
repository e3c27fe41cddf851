from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from core.contracts.batch import BatchHeader
from ingestion.sink.assembly import Assembly, Verdict
from ingestion.sink.batch import Batch

HEADER = BatchHeader("b", "a1", "s", "readings-live", 1, 1, "c", "1", "x", "y")
ROWS = pa.table({"value": [1.0, 2.0]})


def arrive(assembly: Assembly, *numbers: int, lane: str = "a", partition: int = 0) -> None:
    """Batches with these numbers, one after the other."""
    for number in numbers:
        assembly.last.setdefault(lane, 0)
        assembly.offer(Batch(partition, assembly.position(partition), lane, number, HEADER, rows=ROWS))


def taken(assembly: Assembly) -> tuple[list[int], dict[int, int]]:
    chunk = assembly.take()
    return [batch.seq for batch in chunk.batches], chunk.offsets


def test_batches_in_order_are_ready_and_move_the_offset() -> None:
    assembly = Assembly(resume={0: 10})
    assembly.last["a"] = 4
    arrive(assembly, 5, 6)
    assert assembly.rows == 4
    assert taken(assembly) == ([5, 6], {0: 12})
    assert not assembly.has_news
    assert taken(assembly) == ([], {})


def test_what_comes_twice_is_dropped_and_still_moves_the_offset() -> None:
    assembly = Assembly(resume={0: 0})
    assembly.last["a"] = 2
    arrive(assembly, 1, 2, 3, 3, 2)
    assert assembly.dropped == 4
    assert taken(assembly) == ([3], {0: 5})
    arrive(assembly, 3)
    assert assembly.has_news
    assert taken(assembly) == ([], {0: 6})


def test_a_hole_parks_what_follows_and_holds_the_offset() -> None:
    assembly = Assembly(resume={0: 0})
    arrive(assembly, 1, 3, 4)
    arrive(assembly, 1, 2, lane="b")
    assert assembly.parked_rows == 4
    assert taken(assembly) == ([1, 1, 2], {0: 1})
    arrive(assembly, 2)
    assert taken(assembly) == ([2, 3, 4], {0: 6})
    assert assembly.parked_rows == 0


def test_a_resent_stretch_behind_a_hole_is_taken_once() -> None:
    assembly = Assembly(resume={0: 0})
    arrive(assembly, 1, 3, 4, 2, 3, 4, 5)
    assert taken(assembly) == ([1, 2, 3, 4, 5], {0: 7})


def test_parked_batches_beyond_the_room_are_left_in_the_log_and_read_again() -> None:
    assembly = Assembly(resume={0: 0}, room=4)
    arrive(assembly, 1, 3, 4, 5, 6)
    assert assembly.parked_rows == 4
    assert taken(assembly) == ([1], {0: 1})
    arrive(assembly, 2)
    assert assembly.reread
    assert taken(assembly) == ([2, 3, 4], {0: 3})


def test_partitions_move_on_their_own() -> None:
    assembly = Assembly(resume={0: 0, 1: 7})
    arrive(assembly, 1, partition=0)
    arrive(assembly, 2, lane="b", partition=1)
    assert taken(assembly) == ([1], {0: 1})


def test_a_lane_with_gaps_is_taken_as_it_rises() -> None:
    assembly = Assembly(resume={0: 0}, gapless=False)
    arrive(assembly, 3, 9, 9, 4)
    assert taken(assembly) == ([3, 9], {0: 4})


def verdict(assembly: Assembly, number: int, content: str, *, tombstone: bool = False) -> Verdict:
    header = replace(HEADER, payload_sha256=content, tombstone=tombstone)
    return assembly.judge(Batch(0, assembly.position(0), "a", number, header, rows=ROWS))


def test_a_number_that_comes_again_is_held_against_what_it_stood_for() -> None:
    assembly = Assembly(resume={0: 0})
    assembly.last["a"] = 2
    arrive(assembly, 3, 5)
    assert [verdict(assembly, number, "y") for number in (2, 3, 4, 5)] == [
        Verdict.UNKNOWN,
        Verdict.AGAIN,
        Verdict.NEW,
        Verdict.AGAIN,
    ]
    assert [verdict(assembly, number, "z") for number in (3, 4, 5)] == [Verdict.OTHER, Verdict.NEW, Verdict.OTHER]
    assert verdict(assembly, 3, "z", tombstone=True) is Verdict.NEW


def test_the_place_of_a_refused_batch_says_nothing_about_its_content() -> None:
    assembly = Assembly(resume={0: 0})
    assembly.last["a"] = 0
    assembly.offer(Batch(0, 0, "a", 1, replace(HEADER, tombstone=True)))
    assert verdict(assembly, 1, "y") is Verdict.UNKNOWN


def test_what_is_long_in_the_lake_is_forgotten() -> None:
    assembly = Assembly(resume={0: 0})
    arrive(assembly, *range(1, 6))
    assembly.take()
    arrive(assembly, *range(6, 5_000))
    assert verdict(assembly, 1, "z") is Verdict.OTHER
    assembly.take()
    arrive(assembly, 5_000)
    assembly.take()
    assert (verdict(assembly, 1, "z"), verdict(assembly, 1_000, "z")) == (Verdict.UNKNOWN, Verdict.OTHER)
