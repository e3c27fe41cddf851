"""The window of a run: one tenant and the days it covers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import dagster as dg

from assets.partitions import span
from core.errors import InputError, TerminalError

AFTER_TAG = "work/after"
"""Name of the rebuild that has to succeed before a run of this one may read its tables."""
NOT_REBUILT = "the tables this run reads have not been rebuilt"
REBUILD_TAG = "work/rebuild"
"""Name under which a run makes itself known to those that come after it."""


class Partitioned(Protocol):
    """What asset and check contexts have in common."""

    @property
    def partition_keys(self) -> Iterable[str]: ...
    @property
    def instance(self) -> dg.DagsterInstance: ...


@dataclass(frozen=True, slots=True)
class Window:
    """Days of one tenant, in order; a day between them that is none is one of which nobody has a row."""

    tenant: str
    days: tuple[date, ...]

    @property
    def first(self) -> date:
        """First day."""
        return self.days[0]

    @property
    def last(self) -> date:
        """Last day."""
        return self.days[-1]

    def since(self, lookback_days: int) -> date:
        """First day to read so that the first day's rows see as far back as they need."""
        return self.first - timedelta(days=min(lookback_days, (self.first - date.min).days))

    @property
    def whose(self) -> str:
        """Tenant and days, for people."""
        return f"{self.tenant}, {self}"

    def __str__(self) -> str:
        return span(self.first.isoformat(), self.last.isoformat())


def window_of(keys: Iterable[str]) -> Window:
    """The window that partition keys `<day>|<tenant>` cover.

    Raises:
        InputError: no key, or keys of several tenants.
    """
    cells = [key.split("|", 1) for key in keys]
    tenants = sorted({tenant for _, tenant in cells})
    if len(tenants) != 1:
        raise InputError(
            "a run covers one tenant",
            expected="partitions of one tenant",
            received=", ".join(tenants) or None,
            next_step="launch one run a tenant",
        )
    return Window(tenants[0], tuple(sorted({date.fromisoformat(day) for day, _ in cells})))


def window(context: Partitioned) -> Window:
    """The window of a running asset or check."""
    return window_of(str(key) for key in context.partition_keys)


def require_predecessor(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> None:
    """Refuse to build on tables whose own rebuild has not succeeded.

    Late rows rebuild tables over different days, so in several runs; a later one names the earlier in `AFTER_TAG`.

    Raises:
        TerminalError: the run it names has not succeeded.
    """
    name = context.run.tags.get(AFTER_TAG)
    if name is None:
        return
    before = context.instance.get_runs(dg.RunsFilter(tags={REBUILD_TAG: name}), limit=1)
    if not before or before[0].status is not dg.DagsterRunStatus.SUCCESS:
        raise TerminalError(
            NOT_REBUILT,
            expected=f"a successful run tagged {REBUILD_TAG}={name}",
            received=before[0].status.value if before else None,
            next_step="rerun that one, then this",
        )
