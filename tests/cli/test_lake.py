"""`platform lake`: what a data engineer asks of one tenant's tables, and what keeps them fast."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cli.main import main
from core.run.folder import RunFolder
from core.settings import Settings
from lake.store import Lake
from lake.tables import TABLES, gold, ops

HOUR = datetime(2024, 3, 4, 12, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "lake.md"
SQL = "select sum(read) as read from ops.books"


def books(reads: int) -> pa.Table:
    line = dict.fromkeys(ops.BOOKS.schema.names, 0) | {"site": "north", "equipment_id": "pump-1", "signal": "flow"}
    return pa.Table.from_pylist([line | {"hour": HOUR, "date": HOUR.date(), "read": reads}], schema=ops.BOOKS.schema)


@pytest.fixture
def words(reachable: Path) -> list[str]:
    folder = RunFolder.open(reachable / "run", Settings())
    lake = Lake(folder.lake_root(Settings()))
    for reads in (5, 7):
        lake.tenant("lake-works").replace_days(ops.BOOKS, books(reads), [HOUR.date()])
    lake.tenant("lake-others").replace_days(ops.BOOKS, books(1000), [HOUR.date()])
    return ["--tenant", "lake-works", "--run", str(folder.path)]


def said(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert main(["lake", *command]) == 0
    return capsys.readouterr().out


def test_tables_and_what_they_are(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    listed = {line.split()[0]: line.split() for line in said(capsys, "tables", *words).splitlines()}
    assert listed["ops.books"][1:6] == ["2", "1", "2024-03-04", "to", "2024-03-04"]
    assert set(TABLES) < set(listed)
    document = {one["table"]: one["stored"] for one in json.loads(said(capsys, "tables", "--json", *words))}
    assert document["ops.books"]["rows"] == 1
    assert document["gold.kpi_daily"] is None

    told = said(capsys, "describe", "ops.books", *words)
    for text in ("site, equipment_id, signal, hour", "hour of the rows' source time", "keys_are_unique", "365 days"):
        assert text in told
    assert "version 2" in told
    document = json.loads(said(capsys, "describe", "gold.kpi_daily", "--json", *words))
    assert document["stored"] is None
    assert document["keys"] == list(gold.KPI_DAILY.keys)
    assert [one["name"] for one in document["columns"]] == gold.KPI_DAILY.schema.names
    severities = {one["name"]: one["severity"] for one in document["checks"]}
    assert [name for name, how in severities.items() if how != "error"] == ["counters_do_not_restart"]
    assert "Nothing was written" in said(capsys, "describe", "gold.kpi_daily", *words)


def test_a_query_reads_the_tenant_s_tables_as_they_are_or_were(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "query", SQL, *words).split() == ["read", "7"]
    then = json.loads(said(capsys, "query", SQL, "--version", "1", "--json", *words))
    assert (then["rows"], then["evidence"][0]["version"]) == ([{"read": 5}], 1)
    assert said(capsys, "query", SQL, "--at", datetime.now(UTC).isoformat(), *words).split() == ["read", "7"]
    for more in (["--at", "2020-01-01"], ["--version", "9"]):
        assert main(["lake", "query", SQL, *more, *words]) == 1
    for more in (["--version", "1", "--at", "1h"], ["--at", "yesterday"]):
        assert main(["lake", "query", SQL, *more, *words]) == 2
    assert main(["lake", "query", "select * from 'lake-others/ops/books/*/*.parquet'", *words]) == 2
    assert "1000" not in capsys.readouterr().out


def test_history_and_upkeep(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "history", "ops.books", *words)
    assert "made, with" in told
    assert "rows of 2024-03-04 replaced by 1 row in 1 file" in told
    folder = RunFolder.open(Path(words[-1]), Settings())
    more = books(9).set_column(0, "site", pa.array(["south"]))
    Lake(folder.lake_root(Settings())).tenant("lake-works").append(ops.BOOKS, more)
    assert "ops.books  2 files laid along a Z-curve" in said(capsys, "optimize", *words)
    assert json.loads(said(capsys, "optimize", "ops.books", "--json", *words)) == [
        {"table": "ops.books", "compacted": 0, "clustered": 0, "expired": 0, "vacuumed": 0, "error": None}
    ]
    (latest,) = json.loads(said(capsys, "history", "ops.books", "--limit", "1", "--json", *words))
    assert latest["words"] == "2 files of 2024-03-04 rewritten as 1, the same 2 rows"
    assert datetime.fromisoformat(latest["at"]) > HOUR + timedelta(days=1)
    assert main(["lake", "history", "gold.kpi_daily", *words]) == 1
    assert main(["lake", "history", "gold.nothing", *words]) == 1


def test_the_page_s_commands_work(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^\$ \.venv/bin/platform lake (.+) --tenant acme-water$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        assert len(said(capsys, *shlex.split(command), *words).splitlines()) > 1


def test_the_doctor_of_a_folder(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run = words[2:]
    assert "nothing is wrong" in said(capsys, "doctor", *run)
    document = json.loads(said(capsys, "doctor", "--json", *run))
    assert document["wrong"] == 0
    assert {"put", "get", "list", "delete", "clock", "conditional put"} <= {
        one["thing"] for one in document["findings"]
    }
    assert main(["lake", "tables", *words]) == 0


def test_a_store_that_is_none_is_one_error(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDLAYER_LAKE__ROOT", "hdfs://somewhere/lake")
    for command in (["doctor", *words[2:]], ["tables", *words]):
        assert main(["lake", *command]) == 2
        assert "the lake's root has a scheme no store is known for" in capsys.readouterr().err
