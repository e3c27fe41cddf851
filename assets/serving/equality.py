"""Does a published table equal the version of the lake table that its note names?"""

from collections.abc import Collection, Mapping
from datetime import date

import polars as pl

from assets.serving.publish import rows_to_publish, scan
from assets.serving.tables import SCHEMA, Published
from core.db import Database
from core.db.identifiers import quote_identifier
from lake.store import TenantLake
from quality.expected import Severity
from quality.outcome import Outcome

EQUALS_THE_LAKE = "equals_the_lake"
_NAMED = 10
"""Days that differ which are named one by one."""


async def differences(
    database: Database, lake: TenantLake, published: Published, version: int, without: Collection[date] = ()
) -> Outcome:
    """Whether the whole published table, but for days held back, has as many rows a day as the lake at a version."""
    name = quote_identifier(SCHEMA, published.name)
    held = await database.fetch(f"select date, count(*) as rows from {name} group by date")  # noqa: S608  quoted name
    ours = {row["date"]: int(row["rows"]) for row in held if row["date"] not in without}
    wrong = compare(ours, _rows_by_day(lake, published, version, without))
    return Outcome(
        EQUALS_THE_LAKE,
        not wrong,
        Severity.ERROR,
        "; ".join(wrong[:_NAMED]) + (f"; {len(wrong) - _NAMED} more days" if len(wrong) > _NAMED else "") or "alike",
        f"{published.source.full_name} at version {version}",
    )


def compare(held: Mapping[date, int], expected: Mapping[date, int]) -> list[str]:
    """The days on which the two counts differ, in words, oldest first."""
    return [
        f"{day.isoformat()}: {held.get(day, 0)} rows published, {expected.get(day, 0)} in the lake"
        for day in sorted({*held, *expected})
        if held.get(day, 0) != expected.get(day, 0)
    ]


def _rows_by_day(lake: TenantLake, published: Published, version: int, without: Collection[date]) -> dict[date, int]:
    if published.latest_by is not None:
        rows = rows_to_publish(lake, published, version, [], without).lazy()
    else:
        rows = scan(lake, published, version).filter(~pl.col("date").is_in(list(without)))
    return dict(rows.group_by("date").len().collect().iter_rows())
