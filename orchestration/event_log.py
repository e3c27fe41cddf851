"""Dagster's PostgreSQL event log for runs over many days.

A run over 200 days of 25 assets announces 5,000 cells before it starts, and tells of as many when they are built. The
library stores each announcement by itself, on a new connection each: minutes; and what was built of an asset by a
statement that it writes anew for every number of days. Here both go in many at a time by one statement that is written
once, and a connection is kept. Days and tenants, which Dagster's pages show in the order in which they came, are in
their own order, so that a day that came late stands in its place; and what is told of an asset within a millisecond, of
which the page of its events would show one, is told a millisecond apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.config import pg_config
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.types.pagination import PaginatedResults
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config
from sqlalchemy import pool

_BUILT = DagsterEventType.ASSET_MATERIALIZATION
_OF_A_RANGE = (DagsterEventType.ASSET_MATERIALIZATION_PLANNED, _BUILT)
_APART_S = 0.0015
_INSERTION = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)


class RangeEventLogStorage(PostgresEventLogStorage):
    """The library's storage, with the events of a range in few statements."""

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

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """Keys in their own order, as `assets.partitions.InOrder` has them."""
        return sorted(super().get_dynamic_partitions(partitions_def_name))

    def get_paginated_dynamic_partitions(
        self, partitions_def_name: str, limit: int, ascending: bool, cursor: str | None = None
    ) -> PaginatedResults[str]:
        """The same, a page at a time."""
        keys = self.get_dynamic_partitions(partitions_def_name)
        return PaginatedResults.create_from_sequence(keys, limit=limit, ascending=ascending, cursor=cursor)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store a batch; of the events of one asset only the last is kept beside them, as the library does."""
        others = [event for event in events if _kind(event) not in _OF_A_RANGE]
        of_a_range = sorted((event for event in events if _kind(event) in _OF_A_RANGE), key=_kind_and_asset)
        if others:
            super().store_event_batch(others)
        for _, group in groupby(of_a_range, key=_kind_and_asset):
            self._store_range(list(apart(group)))

    def _store_range(self, events: Sequence[EventLogEntry]) -> None:
        with self.index_transaction() as connection:
            rows = [self._event_to_row(event) for event in events]
            ids = [int(row[0]) for row in connection.execute(_INSERTION, rows)]
            if _kind(events[0]) is _BUILT:
                self._store_asset_event_tags(connection, events, ids)
            self._store_asset_event(connection, events[-1], ids[-1])


def apart(events: Iterable[EventLogEntry]) -> Iterator[EventLogEntry]:
    """Events of one kind and asset in their order, none in the millisecond of another. Pure."""
    last = 0.0
    for event in events:
        last = max(event.timestamp, last + _APART_S)
        yield event._replace(timestamp=last)


def _kind(event: EventLogEntry) -> DagsterEventType | None:
    return event.get_dagster_event().event_type if event.is_dagster_event else None


def _kind_and_asset(event: EventLogEntry) -> tuple[str, str]:
    told = event.get_dagster_event()
    return told.event_type_value, told.asset_key.to_string() if told.asset_key else ""
