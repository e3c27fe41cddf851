"""Expectations: what is demanded of each table, and what Great Expectations makes of rows that break it."""

from __future__ import annotations

import polars as pl
import pytest

from lake.tables import TABLES, table
from quality.expected import Expected, Severity, expectations
from quality.validation import validate


def test_every_table_demands_its_keys_once():
    for spec in TABLES.values():
        names = [one.name for one in expectations(spec)]
        assert len(names) == len(set(names)), spec.full_name
        assert {f"{key}_is_set" for key in spec.keys} <= set(names)
        assert ("keys_are_unique" in names) == bool(spec.keys)


def test_columns_of_expectations_exist():
    for spec in TABLES.values():
        known = {*spec.schema.names, "beyond_contract", "beyond_physics"}
        assert {column for one in expectations(spec) for column in one.columns} <= known, spec.full_name


SUITE = (
    Expected("id_is_set", "not_null", ("id",)),
    Expected("keys_are_unique", "unique", ("id", "day")),
    Expected("id_is_unique", "unique", ("id",)),
    Expected("state_is_known", "in_set", ("state",), values=("on", "off")),
    Expected("share_is_in_range", "between", ("share",), minimum=0, maximum=1),
    Expected("has_rows", "rows", severity=Severity.WARN, minimum=1),
)
GOOD = pl.DataFrame({"id": ["a", "b"], "day": [1, 1], "state": ["on", None], "share": [0.0, 1.0]})


def test_good_rows_pass_everything():
    assert [one.status for one in validate(GOOD, SUITE)] == ["passed"] * len(SUITE)


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("id_is_set", {"id": ["a", None]}),
        ("id_is_unique", {"id": ["a", "a"], "day": [1, 2]}),
        ("state_is_known", {"state": ["on", "standby"]}),
        ("share_is_in_range", {"share": [0.5, 1.5]}),
    ],
)
def test_each_break_is_found_and_told(check, change):
    outcomes = validate(GOOD.with_columns(**{k: pl.Series(v) for k, v in change.items()}), SUITE)
    failed = [one for one in outcomes if not one.passed]
    assert [one.check for one in failed] == [check]
    assert failed[0].status == "failed"
    assert "of 2 rows break it" in failed[0].observed


def test_a_key_of_several_columns_twice():
    outcomes = {one.check: one for one in validate(pl.concat([GOOD, GOOD.head(1)]), SUITE)}
    assert not outcomes["keys_are_unique"].passed


def test_no_rows_is_a_warning_only():
    outcomes = {one.check: one.status for one in validate(GOOD.clear(), SUITE)}
    assert outcomes.pop("has_rows") == "warned"
    assert set(outcomes.values()) == {"passed"}


def test_times_and_days_validate_as_the_lake_types_them():
    frame = pl.from_arrow(table("silver.readings").schema.empty_table())
    assert isinstance(frame, pl.DataFrame)
    suite = expectations(table("silver.readings"))
    outcomes = validate(frame.with_columns(beyond_contract=pl.lit(0.0), beyond_physics=pl.lit(0.0)), suite)
    assert {one.status for one in outcomes} == {"passed", "warned"}
