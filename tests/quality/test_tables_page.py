"""The page of all tables is what the declarations say, today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from lake.spec import Column
from lake.store import Lake
from lake.tables import TABLES
from lake.tables.silver import READINGS
from quality.asset_checks import check_specs
from quality.declared import declared, in_words
from quality.tables_page import page

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `platform lake page > docs/tables.md`"


def test_every_table_and_column_stands_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    text = page()
    for spec in TABLES.values():
        assert f"\n## {spec.full_name}\n" in text
        for column in spec.columns:
            assert f"| {column.name} | {column.type} |" in text
    wider = replace(READINGS, columns=(*READINGS.columns, Column("ripple", pa.float64(), "a | b", unit="mm/s")))
    monkeypatch.setitem(TABLES, READINGS.full_name, wider)
    assert "| ripple | double | mm/s | yes | a \\| b |" in page()
    assert page() != text


def test_every_check_that_runs_on_a_table_is_named_on_the_page_and_in_its_description() -> None:
    sections = {part.split("\n", 1)[0]: part for part in page().split("\n## ")}
    for spec in TABLES.values():
        ran = {one.name for one in check_specs(spec)}
        assert {one["name"] for one in declared(spec)["checks"]} == ran
        for name in ran:
            assert f"\n| {name} | " in sections[spec.full_name], (spec.full_name, name)
            assert f"  {name}: " in in_words(spec)
    assert "counters_only_rise" in in_words(READINGS)


def test_a_source_s_new_column_is_added_and_history_stays(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("wider-works")
    row = dict.fromkeys(READINGS.schema.names) | {
        "site": "hall", "equipment_id": "pump-1", "equipment_type": "pump", "signal": "flow", "quality": 0,
        "unit": "bar", "late": False, "ts": 0, "received_at": 0, "date": 0,
    }  # fmt: skip
    before = lake.append(READINGS, pa.Table.from_pylist([row], schema=READINGS.schema))
    wider = replace(READINGS, columns=(*READINGS.columns, Column("ripple", pa.float64(), "ripple", unit="mm/s")))
    lake.append(wider, pa.Table.from_pylist([row | {"ripple": 1.5}], schema=wider.schema))
    assert sorted(lake.scan(wider).collect()["ripple"].to_list(), key=str) == [1.5, None]
    old = lake.scan(READINGS, version=before).collect()
    assert (old.height, "ripple" in old.columns) == (1, False)
    assert declared(wider)["columns"][-1] == {
        "name": "ripple", "type": "double", "unit": "mm/s", "nullable": True, "description": "ripple",
    }  # fmt: skip
