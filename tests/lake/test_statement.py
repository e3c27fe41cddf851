from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest

from core.errors import InputError
from lake.statement import literal, require_known, require_one_select, write_out


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -7,
        2**62,
        0.1,
        -1e-300,
        1.7976931348623157e308,
        float("inf"),
        Decimal("12.50"),
        "plain",
        "it's",
        "'; DROP TABLE x; --",
        "back\\slash \\' and $name and é",
        date(2024, 2, 29),
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        ["a", "b'c"],
        [1, 2],
    ],
)
def test_a_literal_is_read_back_as_the_value(value: object) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert connection.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


def test_times_are_written_in_utc_and_naive_ones_refused() -> None:
    east = timezone(timedelta(hours=2))
    assert literal(datetime(2024, 1, 1, 2, tzinfo=east)) == "TIMESTAMPTZ '2024-01-01 00:00:00+00:00'"
    with pytest.raises(InputError, match="no time zone"):
        literal(datetime(2024, 1, 1))


@pytest.mark.parametrize("value", [b"bytes", object(), {"a": 1}, "nul\x00"])
def test_values_without_a_literal_are_refused(value: object) -> None:
    with pytest.raises(InputError):
        literal(value)


def test_parameters_are_written_out_only_where_they_are_parameters() -> None:
    sql = """SELECT '$a é', "$a", $a, x -$b -- $a
    FROM t WHERE y = E'it\\'s $a' AND z=$a"""
    assert (
        write_out(sql, {"a": "é", "b": -1})
        == """SELECT '$a é', "$a", 'é', x -(-1) -- $a
    FROM t WHERE y = E'it\\'s $a' AND z='é'"""
    )


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELECT $a", {}, "has no value"),
        ("SELECT 1", {"a": 1}, "has no parameter"),
        ("SELECT ?", {}, "only named"),
        ("SELECT $1", {"1": 1}, "only named"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(sql: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_out(sql, parameters)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELEC 1",
        "SELECT 1; SELECT 2",
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE t AS SELECT 1",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "PRAGMA version",
        "SET threads = 1",
        "EXPLAIN SELECT 1",
        "INSTALL httpfs",
        "CALL pragma_version()",
    ],
)
def test_only_one_select_is_taken(sql: str) -> None:
    with pytest.raises(InputError):
        require_one_select(sql)


@pytest.mark.parametrize("sql", ["SELECT 1;", "WITH a AS (SELECT 1 AS x) SELECT x FROM a", "FROM t"])
def test_every_form_of_select_is_taken(sql: str) -> None:
    require_one_select(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM gold.kpi_daily",
        'SELECT * FROM "GOLD"."Kpi_Daily" k, LATERAL (SELECT unnest([k.x]))',
        "WITH a AS (FROM gold.kpi_daily) SELECT * FROM a, range(3) r(n), generate_series(1, 2)",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) FROM t",
        "SELECT [x + 1 FOR x IN [1]], (SELECT max(date) FROM gold.kpi_daily)",
        "SUMMARIZE gold.kpi_daily",
        "SELECT value FROM json_each('[1, 2]')",
    ],
)
def test_a_query_of_what_it_has_is_taken(sql: str) -> None:
    with duckdb.connect() as connection:
        require_known(connection, sql, ["gold.kpi_daily"])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM gold.health_daily",
        "SELECT * FROM gold.kpi_daily WHERE x IN (SELECT x FROM bronze.readings)",
        "SELECT * FROM 'x.parquet'",
        "FROM sqlite_master",
        "FROM duckdb_views",
        "FROM information_schema.views",
        "FROM pg_catalog.pg_settings",
        "FROM read_parquet('x')",
        "FROM system.main.READ_PARQUET('x')",
        "SELECT (SELECT content FROM read_text('x'))",
        "FROM query('FROM x')",
        "FROM query_table('x')",
        "FROM json_execute_serialized_sql('{}')",
        "FROM glob('*')",
        "FROM duckdb_settings()",
        "FROM duckdb_external_file_cache()",
        "SELECT current_setting('allowed_paths')",
        "SELECT * FROM gold.kpi_daily ORDER BY GetVariable('files_0')",
        "SELECT json_serialize_plan('FROM gold.kpi_daily')",
        "DESCRIBE 'x.parquet'",
        "SELECT count(*) FILTER (WHERE getvariable('files_0') IS NULL) OVER () FROM gold.kpi_daily",
    ],
)
def test_a_query_of_anything_else_is_refused(sql: str) -> None:
    with duckdb.connect() as connection, pytest.raises(InputError, match=r"query calls|query reads"):
        require_known(connection, sql, ["gold.kpi_daily"])
