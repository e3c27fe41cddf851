"""A broker that goes away and comes back."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.errors import InputError, TransientError
from core.eventlog import Membership, partition_of
from core.eventlog.broker import LocalBroker
from core.eventlog.kafka import KafkaLog
from core.run.ports import free_port

pytestmark = pytest.mark.kafka


async def test_no_broker_is_said_with_its_address() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(TransientError, match=address):
        await KafkaLog.open(address, timeout_s=0.5)
    with pytest.raises(InputError, match="HOST:PORT"):
        await KafkaLog.open("somewhere")


async def test_nothing_acknowledged_is_lost_when_the_broker_is_killed(broker: LocalBroker, topic: str) -> None:
    log = await KafkaLog.open(broker.bootstrap, timeout_s=2)
    await log.ensure_topics([topic])
    acknowledged: list[bytes] = []
    for n in range(3):
        await log.append(topic, b"k", b"%d" % n, [])
        acknowledged.append(b"%d" % n)
    broker.kill()
    with pytest.raises(TransientError, match=broker.bootstrap):
        await log.append(topic, b"k", b"into the dark", [])
    broker.start()
    for n in range(3, 6):
        for attempt in range(10):
            try:
                await log.append(topic, b"k", b"%d" % n, [])
                break
            except TransientError:
                assert attempt < 9
        acknowledged.append(b"%d" % n)
    found: list[bytes] = []
    offset = 0
    for _ in range(50):
        for record in await log.read(topic, partition_of(b"k", 3), offset, wait_s=0.5):
            found.append(record.value)
            offset = record.offset + 1
        if found[-1:] == [b"5"]:
            break
    assert [value for value in found if value in acknowledged] == acknowledged
    await log.close()


async def _share_of(member: Membership, topic: str, partitions: int) -> None:
    async with asyncio.timeout(60):
        while len(member.shares.of(topic) or ()) != partitions:
            await member.shares.other_than(topic, member.shares.of(topic))


@pytest.mark.parametrize("poll_ms", [1, 200])
async def test_a_deal_made_before_the_partitions_were_known_is_made_again(
    broker: LocalBroker, topic: str, monkeypatch: pytest.MonkeyPatch, poll_ms: int
) -> None:
    """With a poll that is shorter than any join, each is taken up by a later poll than began it."""
    monkeypatch.setattr("core.eventlog.kafka_group._POLL_MS", poll_ms)
    log = await KafkaLog.open(broker.bootstrap, partitions=3)
    member = await log.join(topic)
    await member.carry([topic])
    async with asyncio.timeout(60):
        await member.shares.other_than(topic, None)
    assert member.shares.of(topic) == frozenset()
    await log.ensure_topics([topic])
    await _share_of(member, topic, 3)
    other = topic.replace("readings", "faults")
    await log.ensure_topics([other])
    await member.carry([topic, other])
    await _share_of(member, other, 3)
    await _share_of(member, topic, 3)
    await member.close()
    await log.close()


async def test_a_member_that_is_dealt_nothing_for_long_joins_anew(
    broker: LocalBroker, topic: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await KafkaLog.open(broker.bootstrap, partitions=3)
    await log.ensure_topics([topic])
    broker.kill()
    monkeypatch.setattr("core.eventlog.kafka_group._UNDEALT_S", 0.5)
    member = await log.join(topic)
    await member.carry([topic])
    said: list[str] = []
    async with asyncio.timeout(60):
        while not any("joined anew" in line for line in said):
            await asyncio.sleep(0.1)
            said += "".join(capsys.readouterr()).splitlines()
    assert next(json.loads(line)["group"] for line in said if "joined anew" in line).endswith(topic)
    monkeypatch.setattr("core.eventlog.kafka_group._UNDEALT_S", 60.0)
    broker.start()
    await _share_of(member, topic, 3)
    await member.close()
    await log.close()
