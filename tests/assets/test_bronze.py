"""Bronze as Dagster sees it: when a reading was received last."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.bronze.tables import newest
from lake.store import Lake, TenantLake
from lake.tables import bronze

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATELY, LONG_AGO = NOW - timedelta(hours=2), NOW - timedelta(days=40)
MONDAY, TUESDAY, WEDNESDAY = DAYS = [date(2024, 3, 4) + timedelta(days=n) for n in range(3)]


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("acme")


def receive(lake: TenantLake, day: date, at: datetime) -> None:
    row = {
        **dict.fromkeys(bronze.READINGS.schema.names),
        "site": "plant",
        "equipment_id": "pump",
        "signal": "pressure",
        "ts": datetime(*day.timetuple()[:3], tzinfo=UTC),
        "value": 1.0,
        "quality": 0,
        "lane": "b/s/readings-live",
        "seq": day.day,
        "row_no": 0,
        "received_at": at,
        "contract_version": "1",
        "date": day,
    }
    lake.append(bronze.READINGS, pa.Table.from_pylist([row], schema=bronze.READINGS.schema))


def test_nothing_was_ever_received(lake: TenantLake):
    assert newest(lake, [MONDAY], NOW) is None


@pytest.mark.parametrize("lately", DAYS)
def test_the_newest_is_found_on_whatever_day_it_is(lake: TenantLake, lately: date):
    for day in DAYS:
        receive(lake, day, LATELY if day == lately else LONG_AGO)
    assert newest(lake, [MONDAY], NOW) == LATELY


def test_what_was_received_long_ago_is_told_as_it_is(lake: TenantLake):
    for day in DAYS:
        receive(lake, day, LONG_AGO - timedelta(days=day.day))
    assert newest(lake, [WEDNESDAY], NOW) == LONG_AGO - timedelta(days=MONDAY.day)


def test_days_of_the_past_are_not_read_where_a_near_one_tells(lake: TenantLake):
    for day, at in ((MONDAY, LONG_AGO), (TUESDAY, LONG_AGO), (WEDNESDAY, LATELY)):
        receive(lake, day, at)
    for file in Path(lake.location(bronze.READINGS), f"date={TUESDAY}").glob("*.parquet"):
        file.unlink()  # who reads it, fails
    assert newest(lake, [MONDAY], NOW) == LATELY
