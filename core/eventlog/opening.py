"""Which event log an installation has."""

from __future__ import annotations

from core.eventlog.log import EventLog
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings


async def open_event_log(
    settings: Settings,
    run: RunFolder,  # noqa: ARG001  an installation is always named whole
    postgres: Postgres,
) -> EventLog:
    """Apache Kafka if `settings.eventlog.kafka` names it, else the database `eventlog` of the installation.

    Raises:
        TransientError: it cannot be reached.
    """
    if settings.eventlog.kafka:
        from core.eventlog.kafka import KafkaLog

        return await KafkaLog.open(
            settings.eventlog.kafka,
            partitions=settings.eventlog.partitions,
            replication_factor=settings.eventlog.replication_factor,
        )
    from core.eventlog.postgres import PostgresLog

    return await PostgresLog.open(
        postgres.dsn("eventlog", role="goldlayer_eventlog"), partitions=settings.eventlog.partitions
    )
