"""Days replaced part by part: one commit, whatever happens while the parts come."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from core.errors import InputError
from lake.commits import actions_of
from lake.history import commits
from lake.replacing import replace_days
from lake.spec import TIME, Column, Layer, TableSpec
from lake.store import Lake, TenantLake

PRESSURES = TableSpec(
    layer=Layer.SILVER,
    name="pressures",
    description="Pressures.",
    grain="machine, ts",
    columns=(
        Column("machine", pa.string(), "machine", nullable=False),
        Column("ts", TIME, "time", nullable=False),
        Column("value", pa.float64(), "pressure", unit="bar"),
        Column("date", pa.date32(), "UTC day of `ts`", nullable=False),
    ),
    keys=("machine", "ts"),
    owner="tests",
)
HUGE = sys.float_info.max
DAY = date(2024, 3, 4)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("waterworks")


def part(machine: str, *values: float | None, day: date = DAY) -> pl.DataFrame:
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    return pl.DataFrame(
        {
            "machine": [machine] * len(values),
            "ts": [midnight + timedelta(seconds=n) for n in range(len(values))],
            "value": pl.Series(values, dtype=pl.Float64),
            "date": [day] * len(values),
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    )


def held(lake: TenantLake) -> pl.DataFrame:
    return lake.scan(PRESSURES).collect().sort("machine", "ts")


def test_parts_of_several_days_are_one_commit_that_touches_only_them(lake: TenantLake) -> None:
    before, after = DAY - timedelta(days=1), NEXT + timedelta(days=1)
    others = [part("a", 0.5, day=day) for day in (before, after)]
    replace_days(lake, PRESSURES, others, [before, after])
    replace_days(lake, PRESSURES, [part("a", 9.0), part("a", 9.0, day=NEXT)], [DAY, NEXT])
    parts = [part("a", 1.0, None), pl.concat([part("b", 2.0), part("b", 3.0, day=NEXT)]), part("c")]
    version = replace_days(lake, PRESSURES, iter(parts), [DAY, NEXT])
    expected = pl.concat([*others, *parts]).sort("machine", "ts")
    assert held(lake).equals(expected.select(held(lake).columns))
    assert version == lake.version(PRESSURES)
    assert commits(lake, PRESSURES, 1)[0].words == "rows of 2024-03-04 to 2024-03-05 replaced by 4 rows in 3 files"


def test_a_day_without_rows_becomes_empty(lake: TenantLake) -> None:
    replace_days(lake, PRESSURES, [part("a", 1.0), part("a", 1.0, day=NEXT)], [DAY, NEXT])
    replace_days(lake, PRESSURES, [], [DAY])
    assert lake.days(PRESSURES) == [NEXT]


def test_nobody_sees_half_a_day_and_what_breaks_off_changes_nothing(lake: TenantLake) -> None:
    version = replace_days(lake, PRESSURES, [part("a", 1.0)], [DAY])

    def parts() -> Iterator[pl.DataFrame]:
        yield part("a", 2.0)
        assert held(lake)["value"].to_list() == [1.0]
        raise RuntimeError("the machine lost its power")

    with pytest.raises(RuntimeError, match="lost its power"):
        replace_days(lake, PRESSURES, parts(), [DAY])
    assert held(lake)["value"].to_list() == [1.0]
    assert lake.version(PRESSURES) == version
    replace_days(lake, PRESSURES, [part("a", 3.0)], [DAY])
    assert held(lake)["value"].to_list() == [3.0]


@pytest.mark.parametrize(
    "wrong",
    [
        part("a", 1.0, day=NEXT),
        part("a", 1.0).with_columns(machine=pl.lit(None, pl.String)),
        part("a", 1.0).with_columns(value=pl.lit("much")),
    ],
    ids=["another day", "null", "another type"],
)
def test_rows_that_do_not_fit_are_refused(lake: TenantLake, wrong: pl.DataFrame) -> None:
    version = replace_days(lake, PRESSURES, [part("a", 1.0)], [DAY])
    with pytest.raises(InputError):
        replace_days(lake, PRESSURES, [part("a", 2.0), wrong], [DAY])
    assert (lake.version(PRESSURES), held(lake)["value"].to_list()) == (version, [1.0])


def test_a_commit_whose_answer_was_lost_is_not_made_twice(lake: TenantLake, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_days(lake, PRESSURES, [part("a", 1.0)], [DAY])
    commit, lost = DeltaTable.create_write_transaction, [CommitFailedError("the answer was lost")]

    def losing(table: DeltaTable, *arguments: Any, **options: Any) -> None:
        commit(table, *arguments, **options)
        if lost:
            raise lost.pop()

    monkeypatch.setattr(DeltaTable, "create_write_transaction", losing)
    version = replace_days(lake, PRESSURES, [part("a", 2.0), part("b", 2.0)], [DAY])
    assert (held(lake)["value"].to_list(), version) == ([2.0, 2.0], lake.version(PRESSURES))
    actions = actions_of(lake.location(PRESSURES), {}, version)
    added, removed = ({one[kind]["path"] for one in actions if kind in one} for kind in ("add", "remove"))
    assert (len(added), len(removed), added & removed) == (2, 1, set())


def test_no_day_is_refused(lake: TenantLake) -> None:
    with pytest.raises(InputError, match="no day to replace"):
        replace_days(lake, PRESSURES, [], [])


def test_of_several_at_the_same_time_one_whole_day_stands(lake: TenantLake) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [
            pool.submit(replace_days, lake, PRESSURES, [part("a", value), part("b", value)], [DAY])
            for value in (1.0, 2.0, 3.0, 4.0)
        ]:
            done.result()
    stands = held(lake)
    assert (stands["machine"].to_list(), stands["value"].n_unique()) == (["a", "b"], 1)


def test_files_tell_what_is_in_them(lake: TenantLake) -> None:
    replace_days(lake, PRESSURES, [part("a", 1.0, None, 3.0), part("b", 2.0, float("inf"))], [DAY])
    table = DeltaTable(lake.location(PRESSURES))
    files = pl.DataFrame(pa.table(table.get_add_actions(flatten=True))).sort("min.machine")
    assert files.select(
        "num_records", "min.machine", "max.machine", "min.value", "max.value", "null_count.value"
    ).rows() == [(3, "a", "a", 1.0, 3.0, 1), (2, "b", "b", -HUGE, HUGE, 0)]
    assert files["max.ts"][0] == datetime(2024, 3, 4, 0, 0, 2, tzinfo=UTC)
    found = table.to_pyarrow_dataset().to_table(filter=pc.field("value") > 2.5)
    assert sorted(found["value"].to_pylist()) == [3.0, float("inf")]
