"""What the sink does for one topic of one tenant."""

from __future__ import annotations

from dataclasses import dataclass

from core.eventlog import EventLog
from core.settings import SinkSettings
from ingestion.sink.checks import TimeLimits
from ingestion.sink.route import Route
from lake.store import TenantLake


@dataclass(frozen=True, slots=True)
class Job:
    """A topic, the log it is read from, and the lake it goes to.

    Attributes:
        tenant: slug.
        route: topic and table.
        log: the event log.
        lake: the tenant's tables.
        limits: believable source times.
        settings: when to commit.
    """

    tenant: str
    route: Route
    log: EventLog
    lake: TenantLake
    limits: TimeLimits
    settings: SinkSettings

    @property
    def facts(self) -> dict[str, str]:
        """What every log line about it says."""
        return {"tenant": self.tenant, "topic": self.route.topic}
