"""Portions: whole in what belongs together, complete, and in order."""

from __future__ import annotations

import polars as pl
import pytest

from assets.portions import numbered, portions, whole_machines

ROWS = pl.DataFrame(
    {
        "site": ["plant"] * 12,
        "equipment_id": ["c", "a", "b", "a", "d", "a", "c", "b", "a", "d", "d", "a"],
        "n": list(range(12)),
        "text": [None, "long enough to be kept apart", *[None] * 10],
    }
)


@pytest.mark.parametrize("at_most", [1, 4, 7, 100])
def test_all_rows_come_once_and_machines_stay_whole(at_most: int):
    found = list(portions(ROWS.lazy(), None, at_most=at_most))
    machines = [sorted(part["equipment_id"].unique()) for part in found]
    assert [name for part in machines for name in part] == ["a", "b", "c", "d"]
    assert all(part.height <= at_most or len(names) == 1 for part, names in zip(found, machines, strict=True))
    assert pl.concat(found).sort("n").equals(ROWS)


def test_what_fits_is_read_as_it_is():
    (only,) = portions(ROWS.lazy(), 12, at_most=12)
    assert only.equals(ROWS)


def test_no_rows_are_one_empty_portion():
    (only,) = portions(ROWS.clear().lazy(), None, at_most=1)
    assert only.schema == ROWS.schema


def test_neighbours_share_a_portion_as_long_as_they_fit():
    counts = pl.DataFrame({"equipment_id": list("abcde"), "rows": [2, 3, 9, 1, 1]})
    assert numbered(counts, 5)["portion"].to_list() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("held", [None, 12])
def test_a_table_that_lies_machine_by_machine_is_read_where_it_is(held: int | None):
    found = list(whole_machines(ROWS.lazy(), held, at_most=5))
    assert [sorted(part["equipment_id"].unique()) for part in found] == [["a"], ["b", "c"], ["d"]]
    assert pl.concat(found).sort("n").equals(ROWS)
    (only,) = whole_machines(ROWS.lazy(), held, at_most=12)
    assert only.sort("n").equals(ROWS)
    (none,) = whole_machines(ROWS.clear().lazy(), None, at_most=5)
    assert none.schema == ROWS.schema
