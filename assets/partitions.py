"""Tenant × UTC day: the one partitioning of what is built, and the key that names a cell of it.

Both are dynamic partitions, kept by Dagster's own storage: loading this costs the same for one tenant and day as for a
thousand, and a day is there from the first row about it on, however old it is. A calendar would show every day since
the plant was not there yet.

What Dagster's pages call missing is a cell that nobody built: its day has data, of this tenant or of another. They know
no cell that does not apply, and to report each as made with no row would be as many events as tables × days × tenants.
Built, such a cell has no row and its checks pass; `platform lake backfill` passes over it.
"""

import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Optional

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.instance import DynamicPartitionsStore


class InOrder(dg.DynamicPartitionsDefinition):
    """Keys in their own order and not in that in which they came: a range goes from a day to a later one.

    Dagster's other processes know the definition by its name alone; there the storage does the same
    (`orchestration.event_log`).
    """

    def get_partition_keys(
        self,
        current_time: datetime | None = None,
        dynamic_partitions_store: Optional["DynamicPartitionsStore"] = None,
    ) -> Sequence[str]:
        """Every key there is."""
        return sorted(super().get_partition_keys(current_time, dynamic_partitions_store))


TENANTS = InOrder(name="tenant")
"""One key a tenant: its slug. The bronze watch adds them."""
DAYS = InOrder(name="date")
"""UTC days of source timestamps for which some tenant has data. The bronze watch adds them."""

FIRST_DAY = date(2000, 1, 1)
"""Before it there are no days; rejected rows about times that have no day are booked on it."""


def last_day() -> date:
    """The last day there is, now: tomorrow, since a device may run minutes ahead."""
    return datetime.now(UTC).date() + timedelta(days=1)


TENANT_DAYS = dg.MultiPartitionsDefinition({"tenant": TENANTS, "date": DAYS})
WHOLE_RANGE = dg.BackfillPolicy.single_run()
"""A range of days of one tenant is one run; every asset carries it, since mixed policies fall back to a run a day."""
# Dagster calls the parameter beta at every asset that carries it; what it does is tested here.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)

TENANT_TAG = "tenant"
"""On every run of a tenant: its slug. The queue bounds how many runs of one value are at work."""
DAYS_TAG = "days"
"""On every run of a tenant: its days, for people."""
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def partition_key(tenant: str, day: date) -> dg.MultiPartitionKey:
    """The cell of one tenant and one day; written `2026-11-18|acme`."""
    return dg.MultiPartitionKey({"tenant": tenant, "date": day.isoformat()})


def range_tags(tenant: str, days: Sequence[date]) -> dict[str, str]:
    """Tags that make one run cover all days from the first to the last of one tenant."""
    first, last = min(days), max(days)
    keys = {RANGE_START: str(partition_key(tenant, first)), RANGE_END: str(partition_key(tenant, last))}
    return {**keys, TENANT_TAG: tenant, DAYS_TAG: span(first.isoformat(), last.isoformat())}


def span(first: str, last: str) -> str:
    """Days as people read them."""
    return first if first == last else f"{first} to {last}"
