"""A broker that goes away and comes back."""

from __future__ import annotations

import pytest

from core.errors import InputError, TransientError
from core.eventlog import partition_of
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
