"""One log of each kind; the contract test runs on all three."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg2
import pytest

from core.eventlog import EventLog
from core.eventlog.memory import MemoryLog


@pytest.fixture
def log_database(installation) -> Iterator[str]:
    """DSN of an empty database for one test."""
    name = f"log_{uuid.uuid4().hex[:12]}"
    admin = psycopg2.connect(installation.postgres.dsn("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"create database {name}")
        yield installation.postgres.dsn(name)
        cursor.execute(f"drop database {name} with (force)")
    admin.close()


@pytest.fixture(params=["memory", "postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    """Each log in turn, with three partitions a topic."""
    if request.param == "memory":
        opened: EventLog = MemoryLog(partitions=3)
    elif request.param == "postgres":
        from core.eventlog.postgres import PostgresLog

        opened = await PostgresLog.open(request.getfixturevalue("log_database"), partitions=3)
    else:
        from core.eventlog.kafka import KafkaLog

        opened = await KafkaLog.open(request.getfixturevalue("broker").bootstrap, partitions=3)
    yield opened
    await opened.close()


@pytest.fixture
def topic() -> str:
    """A name nobody else uses, so that one broker serves all tests."""
    return f"t{uuid.uuid4().hex[:10]}.scada.readings"
