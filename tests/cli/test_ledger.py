"""`platform ledger` over a lake with a few lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cli.main import main
from core.run.folder import RunFolder
from core.settings import Settings
from lake.store import Lake
from lake.tables import ops

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


def test_a_gap_belongs_to_every_period_that_it_reaches_into(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ledger", "--tenant", "acme-water", "--run", str(run), "--json"]

    def gaps(*period: str) -> int:
        assert main([*words, *period]) == 0
        return len(json.loads(capsys.readouterr().out)["gaps"])

    assert gaps("--since", "2024-03-04T12:01:00") == 1
    assert gaps("--since", "2024-03-04T12:01:00", "--until", "2024-03-04T12:01:30") == 1
    assert gaps("--until", "2024-03-04T12:00:00") == gaps("--since", "2024-03-04T12:03:00") == 0


def test_a_site_without_a_line_is_not_one_whose_books_balance(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "--tenant", "acme-water", "--run", str(run), "--site", "norht"]) == 1
    said = capsys.readouterr()
    assert "no such site in the books" in said.err
    assert "north, south" in said.err
    assert "balance" not in said.out


def test_what_came_late_and_what_was_not_known_are_told_beside_what_nobody_read(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = Lake(RunFolder.open(run, Settings()).lake_root(Settings())).tenant("acme-water")
    bad = {"gap_id": "b", "signal": "flow", "reason": "bad_quality", "readings": 2}
    cut = {"gap_id": "c", "equipment_id": "*", "reason": "link_down"}
    rows = [GAP, GAP | bad, GAP | cut, *(GAP | bad | {"gap_id": f"b{n}", "readings": 1} for n in range(20))]
    tables.replace_days(ops.GAPS, pa.Table.from_pylist(rows, schema=ops.GAPS.schema), [HOUR.date()])
    words = ["ledger", "--tenant", "acme-water", "--run", str(run)]
    assert main(words) == 0
    said = capsys.readouterr().out
    span = "2024-03-04 12:00:00 to 2024-03-04 12:02:00 UTC"
    assert f"bad quality: north pump-1 flow {span}, 2 readings\n" in said
    assert "bad quality: 1 shorter spells more" in said
    assert f"late: north * {span}, 120 s, link_down" in said
    assert main([*words, "--json"]) == 0
    told = [(one["reason"], one["signal"], one["readings"]) for one in json.loads(capsys.readouterr().out)["gaps"]]
    assert len(told) == 23
    assert {("bridge_down", None, None), ("link_down", None, None), ("bad_quality", "flow", 2)} <= set(told)
    assert main([*words, "--json", "--site", "south"]) == 0
    assert json.loads(capsys.readouterr().out)["gaps"] == []


def test_books_that_do_not_balance_name_the_equation_and_fail(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Lake(RunFolder.open(run, Settings()).lake_root(Settings())).tenant("acme-water")
    wrong = [line("flow", 0, **FORWARDED | {"silver": 4}), line("flow", 1, **FORWARDED | {"read": 6})]
    tables.replace_days(ops.BOOKS, pa.Table.from_pylist(wrong, schema=ops.BOOKS.schema), [HOUR.date()])
    assert main(["ledger", "--tenant", "acme-water", "--run", str(run)]) == 1
    said = capsys.readouterr()
    assert "BROKEN: bronze = silver + superseded + rejected: 1 of 2 lines" in said.err
    assert "BROKEN: read = withheld + contracted: 1 of 2 lines" in said.err
    assert "do not balance" in said.out


def test_what_is_on_its_way_is_no_failure_and_what_is_lost_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Lake(RunFolder.open(run, Settings()).lake_root(Settings())).tenant("acme-water")
    words = ["ledger", "--tenant", "acme-water", "--run", str(run)]

    def books(**terms: int) -> None:
        lines = [line("flow", 0, **FORWARDED | {"sent": 9} | terms), line("flow", 1, **FORWARDED)]
        tables.replace_days(ops.BOOKS, pa.Table.from_pylist(lines, schema=ops.BOOKS.schema), [HOUR.date()])

    books(in_flight=4)
    assert main(words) == 0
    assert "the books balance" in capsys.readouterr().out
    books(in_flight=1, lost=3)
    assert main(words) == 1
    said = capsys.readouterr()
    assert "LOST: north pump-1 flow: 3 rows, hours 2024-03-04 12:00 to 2024-03-04 12:00 UTC" in said.err
    assert "BROKEN: lost = 0: 1 of 2 lines" in said.err
    assert main([*words, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["balanced"], document["broken"]) == (False, {"lost = 0": 1})
    assert [document["totals"][name] for name in ("in_flight", "lost")] == [1, 3]


def test_books_of_a_version_that_did_not_tell_lose_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Lake(RunFolder.open(run, Settings()).lake_root(Settings())).tenant("acme-water")
    old = [one | {"lost": None} for one in LINES]
    tables.replace_days(ops.BOOKS, pa.Table.from_pylist(old, schema=ops.BOOKS.schema), [HOUR.date()])
    assert main(["ledger", "--tenant", "acme-water", "--run", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["lost"] == 0


def test_a_tenant_without_books_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "--tenant", "nobody", "--run", str(run)]) == 1
    assert "there are no books yet" in capsys.readouterr().err
