"""`platform ledger` over a lake with a few lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cli.main import main
from core.contracts.quality import BAD_NO_DATA
from core.run.folder import RunFolder
from core.settings import Settings
from lake.store import Lake
from lake.tables import bronze, ops

HOUR = datetime(2024, 3, 4, 12, tzinfo=UTC)


def line(signal: str, hours: int, site: str = "north", **terms: int) -> dict[str, object]:
    counted = dict.fromkeys(ops.BOOKS.schema.names, 0) | terms
    hour = HOUR + timedelta(hours=hours)
    return counted | {"site": site, "equipment_id": "pump-1", "signal": signal, "hour": hour, "date": hour.date()}


FORWARDED = dict.fromkeys(("read", "contracted", "forwarded", "sent", "bronze", "silver"), 5)
LINES = [
    line("flow", 0, **FORWARDED),
    line("flow", 1, **FORWARDED),
    line("*", 0, read=3, withheld=3),
    line("flow", 1, "south", **FORWARDED),
]
GAP = {
    "gap_id": "g", "site": "north", "equipment_id": "pump-1", "ts": HOUR, "until": HOUR + timedelta(minutes=2),
    "reason": "bridge_down", "duration_s": 120.0, "date": HOUR.date(),
}  # fmt: skip


@pytest.fixture
def run(reachable: Path) -> Path:
    folder = RunFolder.open(reachable / "run", Settings())
    tables = Lake(folder.lake_root(Settings())).tenant("acme-water")
    tables.replace_days(ops.BOOKS, pa.Table.from_pylist(LINES, schema=ops.BOOKS.schema), [HOUR.date()])
    tables.replace_days(ops.GAPS, pa.Table.from_pylist([GAP], schema=ops.GAPS.schema), [HOUR.date()])
    return folder.path


def test_books_that_balance(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ledger", "--tenant", "acme-water", "--run", str(run)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "the books balance; reconciled" in said
    assert "unread: north pump-1 2024-03-04 12:00:00 to 2024-03-04 12:02:00 UTC, 120 s, bridge_down" in said
    assert main([*words, "--json", "--site", "north", "--since", "2024-03-04T13:00:00"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["balanced"], document["totals"]["read"], document["gaps"]) == (True, 5, [])
    assert [one["signal"] for one in document["lines"]] == ["flow"]
    assert main([*words, "--json", "--until", "2024-03-04T13:00:00"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["totals"]["withheld"], document["gaps"][0]["duration_s"]) == (3, 120.0)


def test_spells_of_bad_quality_are_named_signal_by_signal(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Lake(RunFolder.open(run, Settings()).lake_root(Settings())).tenant("acme-water")
    said = {"site": "north", "equipment_id": "pump-1", "signal": "flow", "lane": "b/1/readings-live", "seq": 1}
    rows = [
        said
        | {"ts": HOUR + timedelta(minutes=n), "quality": quality, "row_no": n, "contract_version": "1.0.0"}
        | {"received_at": HOUR, "date": HOUR.date(), "value": None, "text": None}
        for n, quality in enumerate((0, BAD_NO_DATA, BAD_NO_DATA, 0))
    ]
    tables.append(bronze.READINGS, pa.Table.from_pylist(rows, schema=bronze.READINGS.schema))
    words = ["ledger", "--tenant", "acme-water", "--run", str(run)]
    assert main(words) == 0
    line = "bad quality: north pump-1 flow 2024-03-04 12:01:00 to 2024-03-04 12:03:00 UTC, 2 readings"
    assert line in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    (spell,) = json.loads(capsys.readouterr().out)["bad_quality"]
    assert (spell["signal"], spell["readings"], spell["reason"]) == ("flow", 2, "bad_quality")
    assert main([*words, "--json", "--site", "south"]) == 0
    assert json.loads(capsys.readouterr().out)["bad_quality"] == []


def test_books_that_do_not_balance_name_the_equation_and_fail(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Lake(RunFolder.open(run, Settings()).lake_root(Settings())).tenant("acme-water")
    wrong = [line("flow", 0, **FORWARDED | {"silver": 4}), line("flow", 1, **FORWARDED | {"read": 6})]
    tables.replace_days(ops.BOOKS, pa.Table.from_pylist(wrong, schema=ops.BOOKS.schema), [HOUR.date()])
    assert main(["ledger", "--tenant", "acme-water", "--run", str(run)]) == 1
    said = capsys.readouterr()
    assert "BROKEN: bronze = silver + superseded + rejected: 1 of 2 lines" in said.err
    assert "BROKEN: read = withheld + contracted: 1 of 2 lines" in said.err
    assert "do not balance" in said.out


def test_a_tenant_without_books_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "--tenant", "nobody", "--run", str(run)]) == 1
    assert "there are no books yet" in capsys.readouterr().err
