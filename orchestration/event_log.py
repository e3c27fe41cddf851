"""Dagster's PostgreSQL event log for runs over many days.

A run over 200 days of 25 assets announces 5,000 cells before it starts. The library stores each announcement by
itself, on a new connection each: minutes. Here announcements are stored as the library stores materialisations, many
in one statement, and a connection is kept.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.config import pg_config
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config
from sqlalchemy import pool

_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class RangeEventLogStorage(PostgresEventLogStorage):
    """The library's storage, with many announcements in one statement."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        # A server process a connection: opening one costs more than the statement it is for.
        self._engine = create_pg_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            poolclass=pool.QueuePool,
            pool_size=1,
            max_overflow=20,
            pool_recycle=60,
            pool_pre_ping=True,
        )

    @classmethod
    def config_type(cls) -> Any:
        """The library's own configuration."""
        return pg_config()

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "RangeEventLogStorage":
        """The storage that `dagster.yaml` describes."""
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store a batch; announcements of one asset by one statement, since only its last one is kept beside them."""
        others = [event for event in events if _kind(event) is not _PLANNED]
        planned = sorted((event for event in events if _kind(event) is _PLANNED), key=_asset)
        if others:
            super().store_event_batch(others)
        for _, group in groupby(planned, key=_asset):
            self._store_planned(list(group))

    def _store_planned(self, events: Sequence[EventLogEntry]) -> None:
        with self.index_transaction() as connection:
            ids = [row[0] for row in connection.execute(self._insertion(events)).fetchall()]
            self._store_asset_event(connection, events[-1], max(ids))

    def _insertion(self, events: Sequence[EventLogEntry]) -> Any:
        from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

        return self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)


def _kind(event: EventLogEntry) -> DagsterEventType | None:
    return event.get_dagster_event().event_type if event.is_dagster_event else None


def _asset(event: EventLogEntry) -> str:
    key = event.get_dagster_event().asset_key
    return key.to_string() if key else ""
