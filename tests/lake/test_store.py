from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from core.errors import InputError, NotFoundError, TerminalError
from lake.spec import Column, Layer, TableSpec
from lake.store import Lake, TenantLake

NUMBERS = TableSpec(
    layer=Layer.GOLD,
    name="numbers",
    description="Numbers of a day.",
    grain="one number",
    columns=(
        Column("number", pa.int64(), "the number", nullable=False),
        Column("word", pa.string(), "the number in words"),
        Column("date", pa.date32(), "its day", nullable=False),
    ),
    keys=("number",),
    owner="tests",
)
FIRST, SECOND, THIRD = (date(2024, 3, day) for day in (1, 2, 3))


def rows(*pairs: tuple[int, date]) -> pa.Table:
    return pa.table(
        {
            "date": pa.array([day for _, day in pairs], pa.date32()),
            "number": pa.array([number for number, _ in pairs], pa.int32()),
            "word": pa.array([str(number) for number, _ in pairs]).dictionary_encode(),
        }
    )


def numbers(lake: TenantLake, **options) -> list[int]:
    return sorted(lake.scan(NUMBERS, **options).collect()["number"].to_list())


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path), checkpoint_every=3).tenant("acme-works")


def test_a_table_never_written_reads_as_empty_with_its_schema(lake: TenantLake) -> None:
    frame = lake.scan(NUMBERS, first=FIRST).collect()
    assert frame.schema == {"number": pl.Int64, "word": pl.String, "date": pl.Date}
    assert frame.is_empty()
    assert lake.version(NUMBERS) is None
    assert (lake.count(NUMBERS), lake.days(NUMBERS)) == (0, [])
    assert lake.transaction_version(NUMBERS, "lane") is None
    assert lake.days_added_since(NUMBERS, None) == (-1, [])


def test_tables_lie_by_tenant_and_layer_partitioned_by_day(lake: TenantLake, tmp_path: Path) -> None:
    lake.append(NUMBERS, rows((1, FIRST)))
    assert list((tmp_path / "acme-works" / "gold" / "numbers" / "date=2024-03-01").glob("*.parquet"))


def test_append_carries_its_transactions_and_happens_once(lake: TenantLake) -> None:
    first = lake.append(NUMBERS, rows((1, FIRST)), transactions={"lane": 1}, metadata={"by": "test"})
    again = lake.append(NUMBERS, rows((1, FIRST)), transactions={"lane": 1})
    assert again == first
    assert numbers(lake) == [1]
    lake.append(NUMBERS, rows(), transactions={"lane": 2})
    assert lake.transaction_version(NUMBERS, "lane") == 2
    assert numbers(lake) == [1]


def test_a_transaction_of_version_nought_is_known(lake: TenantLake) -> None:
    lake.append(NUMBERS, rows((1, FIRST)), transactions={"lane": 0})
    lake.append(NUMBERS, rows((1, FIRST)), transactions={"lane": 0})
    assert numbers(lake) == [1]


def test_a_commit_half_of_which_is_there_is_refused(lake: TenantLake) -> None:
    lake.append(NUMBERS, rows((1, FIRST)), transactions={"one": 5})
    with pytest.raises(TerminalError, match="partly in the table"):
        lake.append(NUMBERS, rows((2, FIRST)), transactions={"one": 5, "two": 1})
    assert numbers(lake) == [1]


def test_positions_ride_along_and_may_go_back(lake: TenantLake) -> None:
    for lane, offset in ((1, 50), (2, 7)):
        lake.append(NUMBERS, rows((lane, FIRST)), transactions={"lane": lane}, positions={"offset": offset})
    assert lake.transaction_version(NUMBERS, "offset") == 7
    assert numbers(lake) == [1, 2]


def test_transactions_survive_checkpoints(lake: TenantLake, tmp_path: Path) -> None:
    for number in range(1, 9):
        lake.append(NUMBERS, rows((number, FIRST)), transactions={f"lane-{number}": number})
    assert list((tmp_path / "acme-works/gold/numbers/_delta_log").glob("*.checkpoint.parquet"))
    assert [lake.transaction_version(NUMBERS, f"lane-{n}") for n in range(1, 9)] == list(range(1, 9))


def test_transactions_are_known_as_of_a_version_too(lake: TenantLake) -> None:
    assert lake.transaction_versions(NUMBERS, ["one"]) == {}
    lake.append(NUMBERS, rows((1, FIRST)), transactions={"one": 1, "two": 5})
    then = lake.append(NUMBERS, rows((2, FIRST)), transactions={"one": 2})
    lake.append(NUMBERS, rows((3, FIRST)), transactions={"one": 3, "three": 1})
    assert lake.transaction_versions(NUMBERS, ["one", "two", "three"], then) == {"one": 2, "two": 5}
    assert lake.transaction_versions(NUMBERS, ["one", "three"]) == {"one": 3, "three": 1}


def test_replace_days_touches_exactly_these_days_and_is_idempotent(lake: TenantLake) -> None:
    lake.replace_days(NUMBERS, rows((1, FIRST), (2, SECOND), (3, THIRD)), [FIRST, SECOND, THIRD])
    for _ in range(2):
        lake.replace_days(NUMBERS, rows((20, SECOND)), [FIRST, SECOND])
        assert numbers(lake) == [3, 20]
    lake.replace_days(NUMBERS, rows(), [SECOND])
    assert numbers(lake) == [3]


def test_replace_days_refuses_rows_outside(lake: TenantLake) -> None:
    with pytest.raises(InputError, match="2024-03-02"):
        lake.replace_days(NUMBERS, rows((1, SECOND)), [FIRST])
    assert lake.version(NUMBERS) is None


def test_replace_all_leaves_nothing_else(lake: TenantLake) -> None:
    lake.append(NUMBERS, rows((1, FIRST), (2, SECOND)))
    assert (lake.count(NUMBERS), lake.days(NUMBERS)) == (2, [FIRST, SECOND])
    lake.replace_all(NUMBERS, rows((3, THIRD)))
    assert numbers(lake) == [3]
    assert (lake.count(NUMBERS), lake.days(NUMBERS)) == (1, [THIRD])


def test_scan_goes_back_in_time_and_by_day(lake: TenantLake) -> None:
    old = lake.append(NUMBERS, rows((1, FIRST), (2, SECOND), (3, THIRD)))
    lake.replace_all(NUMBERS, rows((9, FIRST)))
    assert numbers(lake, version=old, first=SECOND) == [2, 3]
    assert numbers(lake, version=old, last=SECOND) == [1, 2]
    assert numbers(lake) == [9]
    with pytest.raises(NotFoundError, match="no such version"):
        lake.scan(NUMBERS, version=99)


def test_days_added_names_data_and_not_compaction(lake: TenantLake, tmp_path: Path) -> None:
    lake.append(NUMBERS, rows((1, FIRST)))
    seen = lake.append(NUMBERS, rows((2, SECOND)))
    lake.append(NUMBERS, rows((3, SECOND), (4, THIRD)))
    latest, days = lake.days_added_since(NUMBERS, seen)
    assert days == [SECOND, THIRD]
    DeltaTable(str(tmp_path / "acme-works/gold/numbers")).optimize.compact()
    after, days = lake.days_added_since(NUMBERS, latest)
    assert (after, days) == (latest + 1, [])
    assert lake.days_added_since(NUMBERS, None) == (after, [FIRST, SECOND, THIRD])


def test_commit_time_is_that_of_the_version(lake: TenantLake) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    first = lake.append(NUMBERS, rows((1, FIRST)))
    second = lake.append(NUMBERS, rows((2, FIRST)))
    assert before <= lake.committed_at(NUMBERS, first) <= lake.committed_at(NUMBERS, second)


def test_writers_that_collide_try_again(lake: TenantLake) -> None:
    lake.append(NUMBERS, rows((0, FIRST)))
    with ThreadPoolExecutor(4) as pool:
        appends = [pool.submit(lake.append, NUMBERS, rows((n, FIRST)), transactions={f"w{n}": 1}) for n in range(1, 9)]
        rewrites = [pool.submit(lake.replace_days, NUMBERS, rows((100, SECOND)), [SECOND]) for _ in range(4)]
        for job in (*appends, *rewrites):
            job.result()
    assert numbers(lake) == [*range(9), 100]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"number": [1]}), "declared columns"),
        (rows((1, FIRST)).append_column("extra", pa.array([1])), "declared columns"),
        (pa.table({"number": ["x"], "word": ["x"], "date": [FIRST]}), "another type"),
        (pa.table({"number": pa.array([None], pa.int64()), "word": ["x"], "date": [FIRST]}), "null where none"),
    ],
)
def test_rows_that_do_not_fit_are_refused(lake: TenantLake, table: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lake.append(NUMBERS, table)
    assert lake.version(NUMBERS) is None


def test_tenants_do_not_see_each_other(tmp_path: Path) -> None:
    root = Lake(str(tmp_path))
    root.tenant("tenant-a").append(NUMBERS, rows((1, FIRST)))
    assert numbers(root.tenant("tenant-b")) == []
    for slug in ("../tenant-a", "tenant-a/gold", "", "_fleet", "tenant-a\n"):
        with pytest.raises(InputError, match="not a tenant slug"):
            root.tenant(slug)


def test_a_column_declared_later_is_null_in_older_rows(lake: TenantLake) -> None:
    lake.append(NUMBERS, rows((1, FIRST)))
    grown = replace(NUMBERS, columns=(*NUMBERS.columns, Column("roman", pa.string(), "the number in Latin")))
    assert lake.scan(grown).select("number", "roman").collect().rows() == [(1, None)]
    lake.append(grown, rows((2, FIRST)).append_column("roman", pa.array(["II"])))
    assert sorted(lake.scan(grown).select("number", "roman").collect().rows()) == [(1, None), (2, "II")]


def test_rows_added_since_a_version_are_those_alone(lake: TenantLake) -> None:
    seen = lake.append(NUMBERS, rows((1, FIRST)))
    lake.append(NUMBERS, rows((2, FIRST), (3, SECOND)))
    lake.append(NUMBERS, rows((4, FIRST)))
    assert sorted(lake.rows_added_since(NUMBERS, seen, ["number"])["number"]) == [2, 3, 4]
    assert sorted(lake.rows_added_since(NUMBERS, None, ["number"])["number"]) == [1, 2, 3, 4]
    assert lake.rows_added_since(NUMBERS, lake.version(NUMBERS), ["number"]).is_empty()


def test_of_many_that_planned_upon_the_same_number_one_writes(lake: TenantLake) -> None:
    lake.append(NUMBERS, rows((0, FIRST)))

    def plan(number: int) -> bool:
        return lake.append_once(NUMBERS, rows((number, FIRST)), name="plan", after=0)

    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(plan, range(1, 9)))
    assert sum(wrote) == 1
    assert numbers(lake) == [0, 1 + wrote.index(True)]
    assert lake.append_once(NUMBERS, rows((9, SECOND)), name="plan", after=1)
    assert len(numbers(lake)) == 3
