"""What only the log in PostgreSQL has to face: another process that works on the same tables."""

from __future__ import annotations

import pytest

from core.errors import NotFoundError, TransientError
from core.eventlog import partition_of
from core.eventlog.postgres import PostgresLog

pytestmark = pytest.mark.integration


async def test_a_topic_removed_by_another_process_is_noticed(log_database: str, topic: str) -> None:
    ours, other = await PostgresLog.open(log_database), await PostgresLog.open(log_database)
    partition = partition_of(b"lane", 3)
    try:
        await ours.ensure_topics([topic])
        await ours.append(topic, b"lane", b"one", [])
        await other.remove_topics([topic])
        with pytest.raises(TransientError):
            await ours.append(topic, b"lane", b"two", [])
        with pytest.raises(NotFoundError):
            await ours.append(topic, b"lane", b"two", [])

        await other.ensure_topics([topic])
        await other.append(topic, b"lane", b"three", [])
        await other.remove_topics([topic])
        await other.ensure_topics([topic])
        await ours.ensure_topics([topic])
        assert await ours.append(topic, b"lane", b"four", []) == (partition, 0)
        assert [record.value for record in await ours.read(topic, partition, 0)] == [b"four"]
    finally:
        await ours.close()
        await other.close()
