"""The event logs of this machine for a benchmark: PostgreSQL, and Apache Kafka where Java and Maven are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from core.eventlog import EventLog
from core.eventlog.broker import LocalBroker
from core.run.folder import RunFolder
from core.run.jars import JarsUnavailableError
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy import init_platform


@contextlib.contextmanager
def addresses(folder: Path) -> Generator[list[tuple[str, str]]]:
    """Kind and address of each log, running for a block; a log that this machine cannot have is left out, and said.

    Args:
        folder: empty, its parents open to the user PostgreSQL runs as.
    """
    settings = Settings()
    run = RunFolder.open(folder / "run", settings)
    postgres = Postgres(run, settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(postgres.running())
        asyncio.run(init_platform(run, postgres, settings))
        found = [("postgres", postgres.dsn("eventlog", role="goldlayer_eventlog"))]
        try:
            found.append(("kafka", stack.enter_context(LocalBroker()).bootstrap))
        except JarsUnavailableError as error:
            print(f"kafka: left out, {error}")
        yield found


@contextlib.asynccontextmanager
async def opened(kind: str, address: str) -> AsyncGenerator[EventLog]:
    """One of them, open for a block."""
    if kind == "kafka":
        from core.eventlog.kafka import KafkaLog

        log: EventLog = await KafkaLog.open(address)
    else:
        from core.eventlog.postgres import PostgresLog

        log = await PostgresLog.open(address)
    try:
        yield log
    finally:
        await log.close()
