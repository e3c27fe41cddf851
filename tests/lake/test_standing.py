"""What stands of a table is what the table holds, whatever happened to it since."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from core.errors import InputError, NotFoundError
from lake.duck import Limits
from lake.forgetting import replace_and_forget
from lake.reader import LakeReader
from lake.spec import TIME, Column, Layer, TableSpec
from lake.standing import Standing
from lake.store import Lake, TenantLake
from lake.tables import silver

DAY = date(2026, 1, 5)
COLUMNS = (
    Column("ts", TIME, "when", nullable=False),
    Column("step", pa.int64(), "step"),
    Column("date", pa.date32(), "the day", nullable=False),
)


def declared(name: str, *, latest_only: bool = False) -> TableSpec:
    return TableSpec(Layer.SILVER, name, "Steps.", "step", COLUMNS, ("ts",), "tests", latest_only=latest_only)


ONE, TWO, THREE = declared("one"), declared("two"), declared("three")
NEWEST = declared("newest", latest_only=True)


def steps(*numbers: int) -> pa.Table:
    rows = [{"ts": datetime(2026, 1, 5, tzinfo=UTC), "step": number, "date": DAY} for number in numbers]
    return pa.Table.from_pylist(rows, ONE.schema)


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("standing-works")


@pytest.fixture
def standing(lake: TenantLake) -> Standing:
    return Standing(lake, Limits(rows=3))


def held(standing: Standing, spec: TableSpec = ONE) -> list[object]:
    with standing.latest(spec) as stand:
        return [row["step"] for row in stand.duck.select(f"select step from {spec.full_name} order by step").rows]


def test_what_has_not_changed_stands_and_what_has_does_not(lake: TenantLake, standing: Standing) -> None:
    lake.append(ONE, steps(1))
    with standing.latest(ONE) as first:
        pass
    with standing.latest(ONE) as second:
        assert second is first
    lake.append(ONE, steps(2))
    assert held(standing) == [1, 2]
    with standing.latest(ONE) as third:
        assert third.version == lake.version(ONE) != first.version
        assert third.at == lake.committed_at(ONE, third.version)
        assert third.delta is first.delta


def test_two_who_ask_at_once_have_one_each(lake: TenantLake, standing: Standing) -> None:
    lake.append(ONE, steps(1))
    with standing.latest(ONE) as mine, standing.latest(ONE) as other:
        assert mine.duck is not other.duck
        assert mine.delta is not other.delta
    with standing.latest(ONE) as kept:
        assert kept is mine


def test_what_raised_stands_no_longer(lake: TenantLake, standing: Standing) -> None:
    lake.append(ONE, steps(1))
    with pytest.raises(InputError), standing.latest(ONE) as broken:
        broken.duck.select("select nothing from silver.one")
    with standing.latest(ONE) as fresh:
        assert fresh.duck is not broken.duck
    assert held(standing) == [1]


def test_the_tables_asked_about_last_stand(lake: TenantLake, standing: Standing) -> None:
    for spec in (ONE, TWO, THREE):
        lake.append(spec, steps(1))
    with standing.latest(ONE) as oldest:
        pass
    for spec in (TWO, THREE):
        assert held(standing, spec) == [1]
    with standing.latest(ONE) as again:
        assert again.duck is not oldest.duck


@pytest.mark.parametrize("commits", [1, 4])
def test_a_table_that_was_made_anew_is_read_anew(lake: TenantLake, standing: Standing, commits: int) -> None:
    lake.append(ONE, steps(1))
    lake.append(ONE, steps(2))
    assert held(standing) == [1, 2]
    shutil.rmtree(lake.location(ONE))
    for _ in range(commits):
        lake.append(ONE, steps(7))
    assert held(standing) == [7] * min(commits, 3)
    shutil.rmtree(lake.location(ONE))
    with pytest.raises(NotFoundError, match="nothing was written"):
        held(standing)


def test_a_log_that_forgets_is_followed(lake: TenantLake, standing: Standing) -> None:
    for number in range(3):
        replace_and_forget(lake, NEWEST, steps(number))
        assert held(standing, NEWEST) == [number]
    for number in range(3):
        replace_and_forget(lake, NEWEST, steps(number))
    assert held(standing, NEWEST) == [2]


def test_a_truncated_answer_leaves_nothing_behind(lake: TenantLake, standing: Standing) -> None:
    lake.append(ONE, steps(*range(9)))
    with standing.latest(ONE) as stand:
        assert stand.duck.select("select step from silver.one").truncated
    assert held(standing) == [0, 1, 2]


def test_one_tenant_s_table_stands_for_no_other(tmp_path: Path) -> None:
    readers = dict[str, LakeReader]()
    for number, slug in enumerate(("standing-a", "standing-b")):
        tenant = Lake(str(tmp_path)).tenant(slug)
        tenant.append(silver.READINGS, reading(float(number)))
        readers[slug] = LakeReader(tenant)
    for _ in range(2):
        for number, reader in enumerate(readers.values()):
            answer = reader.query("select value from silver.readings", [silver.READINGS.full_name])
            assert answer.rows == [{"value": float(number)}]


def test_a_table_that_stands_reaches_no_other_file(lake: TenantLake, standing: Standing) -> None:
    lake.append(ONE, steps(1))
    lake.append(TWO, steps(2))
    (other,) = Path(lake.location(TWO), f"date={DAY}").glob("*.parquet")
    for sql in (
        f'select o.* from "{other}" o, (with "{other}" as (select 1) select 1) where true',
        f"select * from read_parquet('{other}')",
        "select * from silver.two",
        "set enable_external_access = true",
        "select getvariable('files_0')",
    ):
        assert held(standing) == [1]
        with pytest.raises(InputError), standing.latest(ONE) as stand:
            stand.duck.select(sql)


def reading(value: float) -> pa.Table:
    row = {
        "site": "plant",
        "equipment_id": "pump-1",
        "equipment_type": "pump",
        "signal": "flow",
        "ts": datetime(2026, 1, 5, tzinfo=UTC),
        "value": value,
        "quality": 0,
        "unit": "m3/h",
        "late": False,
        "received_at": datetime(2026, 1, 5, tzinfo=UTC),
        "date": DAY,
    }
    return pa.Table.from_pylist([row], silver.READINGS.schema)  # what is not named is null
