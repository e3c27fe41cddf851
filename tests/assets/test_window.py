"""The window of a run, and partitions as Dagster writes them."""

from __future__ import annotations

from datetime import date

import pytest

from assets.partitions import partition_key, range_tags
from assets.window import window_of
from core.errors import InputError

MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)


def test_keys_are_written_day_first():
    assert str(partition_key("acme", MONDAY)) == "2024-03-04|acme"
    assert range_tags("acme", [TUESDAY, MONDAY]) == {
        "dagster/asset_partition_range_start": "2024-03-04|acme",
        "dagster/asset_partition_range_end": "2024-03-05|acme",
        "tenant": "acme",
        "days": "2024-03-04 to 2024-03-05",
    }


def test_a_window_is_one_tenant_and_sorted_days():
    found = window_of([str(partition_key("acme", day)) for day in (TUESDAY, MONDAY)])
    assert (found.tenant, found.days, str(found)) == ("acme", (MONDAY, TUESDAY), "2024-03-04 to 2024-03-05")
    assert found.since(3) == date(2024, 3, 1)
    assert found.since(10_000_000) == date.min


@pytest.mark.parametrize("keys", [[], ["2024-03-04|acme", "2024-03-04|other"]])
def test_a_run_covers_one_tenant(keys):
    with pytest.raises(InputError, match="one tenant"):
        window_of(keys)
