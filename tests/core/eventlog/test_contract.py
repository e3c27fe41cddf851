"""What every event log promises, tried on the one in memory, in PostgreSQL and in Apache Kafka."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import NotFoundError
from core.eventlog import EventLog, Membership, Outgoing, Record, partition_of

HEADERS = [("seq", b"1"), ("odd", bytes(range(256))), ("seq", b"twice")]


async def drain(log: EventLog, topic: str, partition: int, offset: int = 0, *, expected: int) -> list[Record]:
    found: list[Record] = []
    for _ in range(300):
        if len(found) >= expected:
            break
        batch = await log.read(topic, partition, found[-1].offset + 1 if found else offset, wait_s=0.2)
        found.extend(batch)
    return found


async def test_a_record_comes_back_as_it_went_in(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    partition, offset = await log.append(topic, b"lane", b"\x00payload\xff", HEADERS)
    assert await log.partitions(topic) == 3
    assert (partition, offset) == (partition_of(b"lane", 3), 0)
    assert await log.end_offset(topic, partition) == 1
    (record,) = await drain(log, topic, partition, expected=1)
    assert record == Record(topic, partition, 0, b"lane", b"\x00payload\xff", HEADERS)


async def test_order_holds_within_a_key_and_offsets_rise_by_one(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    keys = [f"lane-{n % 5}".encode() for n in range(60)]
    placed = await log.append_many([Outgoing(topic, key, str(n).encode()) for n, key in enumerate(keys)])
    assert [partition for partition, _ in placed] == [partition_of(key, 3) for key in keys]
    for partition in range(3):
        mine = [(offset, str(n).encode()) for n, (where, offset) in enumerate(placed) if where == partition]
        assert [offset for offset, _ in mine] == list(range(len(mine)))
        read = await drain(log, topic, partition, expected=len(mine))
        assert [(record.offset, record.value) for record in read] == mine
        assert await log.end_offset(topic, partition) == len(mine)


async def test_appends_side_by_side_lose_and_double_nothing(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    partition = partition_of(b"one", 3)

    async def write(writer: int) -> None:
        for n in range(10):
            await log.append(topic, b"one", f"{writer}/{n}".encode(), [])

    reading = asyncio.create_task(drain(log, topic, partition, expected=80))
    await asyncio.gather(*(write(writer) for writer in range(8)))
    read = await reading
    assert [record.offset for record in read] == list(range(80))
    for writer in range(8):
        mine = [record.value for record in read if record.value.startswith(f"{writer}/".encode())]
        assert mine == [f"{writer}/{n}".encode() for n in range(10)]


async def test_reading_begins_anywhere_and_may_be_repeated(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    await log.append_many([Outgoing(topic, b"k", str(n).encode()) for n in range(10)])
    partition = partition_of(b"k", 3)
    for offset in (7, 2, 2, 9, 0):
        read = await drain(log, topic, partition, offset, expected=10 - offset)
        assert [record.offset for record in read] == list(range(offset, 10))
    few = await log.read(topic, partition, 4, max_records=3, wait_s=5)
    assert 1 <= len(few) <= 3
    assert few[0].offset == 4


async def test_a_reader_at_the_end_gets_nothing_and_then_what_comes(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    partition = partition_of(b"k", 3)
    assert await log.read(topic, partition, 0, wait_s=0.05) == []
    reading = asyncio.create_task(drain(log, topic, partition, expected=1))
    await log.append(topic, b"k", b"late", [])
    assert [record.value for record in await reading] == [b"late"]


async def test_what_was_trimmed_is_gone_and_reading_goes_on_behind_it(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    await log.append_many([Outgoing(topic, b"k", str(n).encode()) for n in range(10)])
    partition = partition_of(b"k", 3)
    await log.trim(topic, partition, 6)
    read = await drain(log, topic, partition, expected=4)
    assert [record.offset for record in read] == [6, 7, 8, 9]
    assert await log.end_offset(topic, partition) == 10
    await log.trim(topic, partition, 100)
    assert (await log.append(topic, b"k", b"next", []))[1] == 10


async def test_topics_are_created_once_and_known_by_name(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic, f"{topic}-2"])
    await log.append(topic, b"k", b"kept", [])
    await log.ensure_topics([topic])
    assert await log.end_offset(topic, partition_of(b"k", 3)) == 1
    for call in (log.append("nobody.readings", b"k", b"", []), log.partitions("nobody.readings")):
        with pytest.raises(NotFoundError, match="no such topic"):
            await call


async def test_an_append_that_fails_takes_no_offsets(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    with pytest.raises(NotFoundError):
        await log.append_many([Outgoing(topic, b"k", b"a"), Outgoing("nobody.readings", b"k", b"b")])
    assert (await log.append(topic, b"k", b"c", []))[1] == 0


async def test_a_log_has_an_identity(log: EventLog) -> None:
    assert log.id.startswith(f"{log.kind}-")
    assert len(log.id) > len(log.kind) + 10


async def test_a_large_record_fits(log: EventLog, topic: str) -> None:
    await log.ensure_topics([topic])
    value = bytes(9 << 20)
    partition, _ = await log.append(topic, b"k", value, [])
    (record,) = await drain(log, topic, partition, expected=1)
    assert record.value == value


def test_the_partition_of_a_key_never_changes() -> None:
    keys = [b"bridge-1/a1/readings-live", b"bridge-1/a1/readings-backlog", b"bridge-2/b2/faults-live"]
    assert [partition_of(key, 3) for key in keys] == [1, 0, 2]


async def test_a_removed_topic_is_gone_and_one_of_that_name_begins_anew(log: EventLog, topic: str) -> None:
    kept = f"kept.{topic}"
    await log.ensure_topics([topic, kept])
    for name in (topic, kept):
        await log.append_many([Outgoing(name, b"lane", str(n).encode()) for n in range(3)])
    await log.remove_topics([topic, f"never.{topic}"])
    with pytest.raises(NotFoundError):
        await log.append(topic, b"lane", b"too late", [])
    await log.ensure_topics([topic])
    partition = partition_of(b"lane", 3)
    assert await log.append(topic, b"lane", b"new", []) == (partition, 0)
    assert [record.value for record in await drain(log, topic, partition, expected=1)] == [b"new"]
    assert len(await drain(log, kept, partition, expected=3)) == 3


async def shared(members: list[Membership], topics: list[str]) -> list[dict[str, frozenset[int] | None]]:
    """What each carries, once every partition is carried by exactly one of them."""
    for _ in range(600):
        found = [{topic: member.shares.of(topic) for topic in topics} for member in members]
        dealt = [(topic, n) for one in found for topic, numbers in one.items() for n in numbers or ()]
        decided = all(numbers is not None for one in found for numbers in one.values())
        if decided and sorted(dealt) == [(topic, n) for topic in sorted(topics) for n in range(3)]:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"the partitions are never shared: {found}")


async def test_members_of_a_group_share_every_partition_and_those_who_stay_take_over(log: EventLog, topic: str) -> None:
    topics = [topic, f"{topic}.more"]
    await log.ensure_topics(topics)
    first = await log.join(topic)
    assert first.shares.of(topic) is None
    await first.carry(topics)
    await shared([first], topics)
    second = await log.join(topic)
    await second.carry(topics)
    both = await shared([first, second], topics)
    assert all(any(one.values()) for one in both)
    waiting = asyncio.create_task(second.shares.other_than(topic, second.shares.of(topic)))
    await first.close()
    await shared([second], topics)
    await asyncio.wait_for(waiting, 60)
    other = await log.join(f"{topic}-other")
    await other.carry([topic])
    await shared([other], [topic])
    await shared([second], topics)
    await second.close()
    await other.close()
