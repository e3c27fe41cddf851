from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from core.errors import InputError, NotFoundError, TransientError
from lake.reader import LakeReader
from lake.store import Lake, TenantLake
from lake.tables.bronze import HISTORY

DAYS = [date(2024, 3, day) for day in range(1, 10)]


def history(lake: TenantLake, scale: float, days: list[date] = DAYS) -> None:
    count = len(days)
    lake.replace_days(
        HISTORY,
        pa.table(
            {
                "site": ["plant"] * count,
                "equipment_id": [f"pump-{n}" for n in range(count)],
                "signal": ["flow"] * count,
                "ts": pa.array([datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days], pa.timestamp("us", "UTC")),
                "value": [scale * n for n in range(count)],
                "text": pa.nulls(count, pa.string()),
                "quality": [0] * count,
                "equipment_type": ["pump"] * count,
                "unit_number": pa.nulls(count, pa.int32()),
                "step": list(range(1, count + 1)),
                "date": days,
            }
        ),
        days,
    )


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    lake = Lake(str(tmp_path)).tenant("tenant-a")
    history(lake, 1.0)
    return lake


SQL = "SELECT equipment_id, value FROM bronze.history WHERE date >= $day AND equipment_id <> $id ORDER BY value"
PARAMETERS = {"day": DAYS[7], "id": "it's nobody"}


def test_an_answer_carries_evidence_that_can_be_run_again(lake: TenantLake) -> None:
    reader = LakeReader(lake)
    answer = reader.query(SQL, ["bronze.history"], PARAMETERS)
    assert answer.columns == ["equipment_id", "value"]
    assert answer.rows == [{"equipment_id": "pump-7", "value": 7.0}, {"equipment_id": "pump-8", "value": 8.0}]
    (evidence,) = answer.evidence
    assert (evidence.store, evidence.table, evidence.rows) == ("delta", "bronze.history", 2)
    assert evidence.partitions == ["2024-03-01", "2024-03-09"]
    assert evidence.checks == {}
    assert "$" not in evidence.query
    assert datetime.fromisoformat(evidence.as_of).tzinfo is not None

    history(lake, 100.0)
    assert reader.rerun(evidence) == answer.rows
    assert reader.query(SQL, ["bronze.history"], PARAMETERS).rows[0]["value"] == 700.0


def test_quoted_names_work_as_well(lake: TenantLake) -> None:
    answer = LakeReader(lake).query('SELECT count(*) AS n FROM "bronze"."history"', ["bronze.history"])
    assert answer.rows == [{"n": 9}]


def test_rows_beyond_the_cap_are_cut_off_and_said_to_be(lake: TenantLake) -> None:
    reader = LakeReader(lake, row_cap=4)
    answer = reader.query("SELECT step FROM bronze.history ORDER BY step", ["bronze.history"])
    assert answer.truncated
    assert [row["step"] for row in answer.rows] == [1, 2, 3, 4]
    assert answer.evidence[0].rows == 4
    assert reader.rerun(answer.evidence[0]) == answer.rows
    assert not reader.query("SELECT 1 AS one FROM bronze.history LIMIT 4", ["bronze.history"]).truncated


def test_a_reader_reaches_no_file_and_no_other_tenant(lake: TenantLake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path)).tenant("tenant-b")
    history(other, 5.0)
    secret = tmp_path / "secret.txt"
    secret.write_text("key")
    folder = other.location(HISTORY)
    reader = LakeReader(lake)
    for sql in (
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM read_parquet('{folder}/**/*.parquet')",
        f"SELECT * FROM '{folder}/date=2024-03-01/*.parquet'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM bronze.readings",
        "SELECT * FROM other",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(InputError):
            reader.query(sql, ["bronze.history"])
    assert not (tmp_path / "out.csv").exists()


def test_a_query_reads_one_table_that_exists(lake: TenantLake) -> None:
    reader = LakeReader(lake)
    with pytest.raises(InputError, match="exactly one table"):
        reader.query("SELECT 1", ["bronze.history", "bronze.readings"])
    with pytest.raises(NotFoundError, match="no such table"):
        reader.query("SELECT 1", ["bronze.nothing"])
    with pytest.raises(NotFoundError, match="nothing was written"):
        reader.query("SELECT 1", ["bronze.readings"])
    with pytest.raises(InputError, match="one name"):
        reader.query("SELECT step, step FROM bronze.history", ["bronze.history"])


def test_a_refused_query_is_named_by_its_first_line(lake: TenantLake) -> None:
    sql = "-- How old it is.\nSELECT nothing\nFROM bronze.history"
    with pytest.raises(InputError) as refused:
        LakeReader(lake).query(sql, ["bronze.history"])
    assert str(refused.value).startswith("-- How old it is.: query cannot be run")
    assert "nothing" in str(refused.value)
    assert "FROM bronze.history" not in str(refused.value)


def test_a_query_that_does_not_end_is_interrupted(lake: TenantLake) -> None:
    reader = LakeReader(lake, timeout_s=0.2)
    endless = "SELECT count(*) AS n FROM range(10000000000) a, range(1000000) b"
    with pytest.raises(TransientError, match="too long"):
        reader.query(endless, ["bronze.history"])
