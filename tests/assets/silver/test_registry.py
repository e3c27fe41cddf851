"""The register of machines: a change ends a row and begins one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from assets.silver.registry import registered, remembered
from core.contracts.site import SiteFile
from lake.tables.machines import EQUIPMENT
from tests.assets.silver.conftest import SITE

FIRST, SECOND, THIRD = (datetime(2024, 3, day, tzinfo=UTC) for day in (4, 5, 6))
NOTHING = pl.DataFrame(EQUIPMENT.schema.empty_table())


def placed(entry, area: str | None, last: int = 2):
    """The site with its row of pumps in an area."""
    pumps = {**SITE["equipment"][0], "id": f"pump-[1..{last}]", "area": area, "line": "feed"}
    return replace(entry, site=SiteFile.model_validate({**SITE, "tenant_name": "Works", "equipment": [pumps]}))


def rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select("equipment_id", "area", "valid_from", "valid_until").rows()


def test_a_machine_stands_in_the_hierarchy(site):
    found = remembered(NOTHING, registered([placed(site, "intake")]), FIRST).to_dicts()[0]
    assert [found[name] for name in ("enterprise", "site", "area", "line", "equipment_id")] == [
        "Works",
        "plant",
        "intake",
        "feed",
        "pump-1",
    ]
    assert (found["signals"], found["contract_version"], found["valid_until"]) == (4, "1.0.0", None)


def test_nothing_changed_gives_the_same_rows(site):
    once = remembered(NOTHING, registered([site]), FIRST)
    assert remembered(once, registered([site]), SECOND).equals(once)
    assert once["area"].to_list() == [None, None]


def test_a_change_ends_a_row_and_begins_one_and_history_stays(site):
    known = remembered(NOTHING, registered([placed(site, "intake")]), FIRST)
    moved = remembered(known, registered([placed(site, "outlet", last=1)]), SECOND)
    back = remembered(moved, registered([placed(site, "intake", last=1)]), THIRD)
    assert rows(back) == [
        ("pump-1", "intake", FIRST, SECOND),
        ("pump-1", "outlet", SECOND, THIRD),
        ("pump-1", "intake", THIRD, None),
        ("pump-2", "intake", FIRST, SECOND),
    ]
