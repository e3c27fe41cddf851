"""Tenant × UTC day: the one partitioning of every asset, and the key that names a cell of it.

Loading this costs the same for one tenant and for a thousand: tenants are dynamic partitions, kept by Dagster's own
storage, and days are computed.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

TENANTS = dg.DynamicPartitionsDefinition(name="tenant")
"""One key a tenant: its slug. The bronze watch adds them."""

FIRST_DAY = date(2000, 1, 1)
"""Before it there are no days; rejected rows about times that have no day are booked on it."""

# `end_offset=2`: the running day is a partition, and so is the next one, since a device may run minutes ahead.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="UTC", end_offset=2)
"""UTC day of a sample's source timestamp."""


def last_day() -> date:
    """The last day there is, now: tomorrow."""
    return datetime.now(UTC).date() + timedelta(days=1)


TENANT_DAYS = dg.MultiPartitionsDefinition({"tenant": TENANTS, "date": DAYS})
WHOLE_RANGE = dg.BackfillPolicy.single_run()
"""A range of days of one tenant is one run; every asset carries it, since mixed policies fall back to a run a day."""

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
