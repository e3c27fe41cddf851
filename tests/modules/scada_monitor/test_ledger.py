"""The ledger as a tool: books, gaps and bad quality, each with its evidence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from core.sdk import ToolResult
from core.sdk.pipeline.stack import call_tool
from core.sdk.testing import FakeAudit, FakeLake, tool_context
from modules.scada_monitor import ledger
from modules.scada_monitor.ai.tools import data_ledger

Row = dict[str, Any]
NOON = datetime(2023, 4, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def line(
    machine: str, signal: str, hour: int, sent: int, bronze: int, *, withheld: int = 0, broken: int = 0, lost: int = 0
) -> Row:
    at = NOON + timedelta(hours=hour)
    told = {"read": sent + withheld, "withheld": withheld, "contracted": sent, "suppressed": 0, "aggregated": 0}
    lake = {"bronze": bronze, "quarantined": 0, "in_flight": sent - bronze - lost, "silver": bronze - broken}
    rest = {
        "forwarded": sent,
        "windows": 0,
        "rules": 0,
        "sent": sent,
        **lake,
        "superseded": 0,
        "rejected": 0,
        "lost": lost,
        "doubled": 0,
    }
    return {"site": "north", "equipment_id": machine, "signal": signal, "hour": at, **told, **rest, "date": at.date()}


def gap(machine: str, start: float, hours: float, reason: str) -> Row:
    since = NOON + timedelta(hours=start)
    until = since + timedelta(hours=hours)
    told = {"ts": since, "until": until, "reason": reason, "duration_s": hours * 3600, "date": since.date()}
    return {"gap_id": f"{machine}/{since}/{reason}", "site": "north", "equipment_id": machine, **told}


def spell(minute: int, minutes: int, readings: int) -> Row:
    bad = gap("pump-1", minute / 60, minutes / 60, "bad_quality")
    return {**bad, "signal": "flow", "readings": readings}


BOOKS = [
    line("pump-1", "flow", 0, 60, 60),
    line("pump-1", "flow:mean:PT1H", 0, 1, 1),
    line("pump-1", "*", 0, 0, 0, withheld=40),
    line("pump-1", "flow", 30, 60, 60),
    line("pump-2", "flow", 0, 60, 60),
]
GAPS = [
    gap("pump-1", -14, 4, "bridge_down"),
    gap("pump-1", 20, 0.5, "bridge_down"),
    gap("pump-2", 3, 1, "new_reason"),
    spell(1, 2, 2),
    spell(5, 0, 1),
]
CUT = gap("*", 1, 0.5, "link_down")


def tables_of(books: list[Row], gaps: list[Row] = GAPS) -> dict[str, pa.Table]:
    """The tables that the ledger reads."""
    schema = pa.schema([*((name, pa.string()) for name in ("gap_id", "site", "equipment_id", "reason", "signal")),
                        *((name, pa.timestamp("us", tz="UTC")) for name in ("ts", "until")),
                        ("duration_s", pa.float64()), ("readings", pa.int64()), ("date", pa.date32())])  # fmt: skip
    return {"ops.books": pa.Table.from_pylist(books), "ops.gaps": pa.Table.from_pylist(gaps, schema=schema)}


def lake_of(books: list[Row]) -> FakeLake:
    return FakeLake(tables_of(books), {"ops.books": {"bronze_is_accounted_for": "passed"}})


async def ask(lake: FakeLake, *scope: Any) -> ToolResult:
    return await ledger.data_ledger(tool_context(lake=lake), *scope)


@pytest.fixture
def lake() -> FakeLake:
    return lake_of(BOOKS)


async def test_nothing_was_lost_between_bridge_and_lake(lake: FakeLake) -> None:
    result = await ask(lake, None, None, None, None, None)
    total = result.rows[0]
    assert [total[name] for name in ("read", "withheld", "sent", "bronze", "silver")] == [221, 40, 181, 181, 181]
    assert (total["lost"], total["in_flight"], total["duplicated"], total["arrived_percent"]) == (0, 0, 0, 100.0)
    assert result.findings[0] == (
        "Nothing was lost and nothing doubled between bridge and lake: all that was sent has arrived."
    )
    assert "The books balance on all 5 lines." in result.findings
    assert [row["equipment_id"] for row in result.rows if "sent" in row and "lines" not in row] == ["pump-1", "pump-2"]
    assert {(item.table, bool(item.checks)) for item in result.evidence} == {("ops.books", True), ("ops.gaps", False)}
    assert "because new reason" in " ".join(result.findings)
    assert_found_again(lake, result)


def assert_found_again(lake: FakeLake, result: ToolResult) -> None:
    again = [row for item in result.evidence for row in lake.rerun(item)]
    assert again == result.rows


async def test_the_data_of_a_machine_in_a_period_and_why_there_are_gaps(lake: FakeLake) -> None:
    day = date(2023, 4, 10)
    result = await ask(lake, "pump-1", None, "north", day, day)
    assert result.rows[0]["sent"] == 61, "the other day is not asked about"
    signals = [row["signal"] for row in result.rows if "sent" in row and "lines" not in row]
    assert signals == ["*", "flow", "flow:mean:PT1H"]
    (reason,) = [row for row in result.rows if "gaps" in row]
    assert (reason["gaps"], reason["hours"]) == (1, 2.0), "of the gap that began the day before, the part of this day"
    said = " ".join(result.findings)
    assert "Nobody read pump-1 from 2023-04-09 22:00 to 2023-04-10 02:00 UTC, 2 h, because the bridge was down." in said
    assert "The device gave no good value of flow of pump-1 from 2023-04-10 12:01 to 12:03 UTC, 2 readings." in said
    assert "The device gave no good value of flow of pump-1 at 2023-04-10 12:05 UTC, 1 reading." in said
    assert_found_again(lake, result)


async def test_bad_quality_is_told_signal_by_signal(lake: FakeLake) -> None:
    result = await ask(lake, "pump-1", None, None, None, None)
    assert [(row["signal"], row["readings"]) for row in result.rows if "readings" in row] == [("flow", 2), ("flow", 1)]
    heat = await ask(lake, "pump-1", "heat", None, None, None)
    assert [row for row in heat.rows if "readings" in row] == []


async def test_a_link_that_was_down_is_late_and_no_gap() -> None:
    alone = FakeLake(tables_of(BOOKS, [CUT]), {})
    late = "The link of north was down from 2023-04-10 13:00 to 13:30 UTC, 0.5 h in all until everything had"
    for machine, of in ((None, ""), ("pump-1", " of pump-1")):
        said = (await ask(alone, machine, None, None, None, None)).findings
        assert f"No gap{of}: there is no source time that nobody read." in said
        assert any(one.startswith(late) for one in said), said
    both = " ".join((await ask(FakeLake(tables_of(BOOKS, [*GAPS, CUT]), {}), None, None, None, None, None)).findings)
    assert "No gap" not in both and "Nobody read *" not in both and "Nobody read pump-2" in both


async def test_a_machine_that_came_back_with_its_clock_set_back_was_not_read() -> None:
    lake = FakeLake(tables_of(BOOKS, [gap("pump-1", 1, 0.5, "clock_set_back")]), {})
    said = (await ask(lake, None, None, None, None, None)).findings
    span = "from 2023-04-10 13:00 to 13:30 UTC, 0.5 h"
    assert f"Nobody read pump-1 {span}, because it was away and came back with its clock set back." in said


async def test_what_is_short_or_doubled_is_named_and_never_netted() -> None:
    lake = lake_of([line("pump-1", "flow", 0, 60, 55), line("pump-2", "flow", 0, 10, 12, broken=1)])
    result = await ask(lake, None, None, None, None, None)
    assert [result.rows[0][name] for name in ("lost", "in_flight", "duplicated", "broken_lines")] == [0, 5, 2, 1]
    said = result.findings
    assert said[0] == ("5 of 70 rows that were sent have not arrived yet, 92.86 % have: they are on their way.")
    assert said[1] == "2 rows are in the lake beyond what was sent."
    assert "pump-1 of north: 60 sent, 55 in the lake, 0 lost, 5 on their way, 0 doubled." in said
    assert "The books do not balance on 1 of 2 lines." in said


async def test_what_is_lost_is_told_apart_from_what_is_on_its_way() -> None:
    lake = lake_of([line("pump-1", "flow", 0, 60, 55, lost=3), line("pump-2", "flow", 0, 10, 8)])
    result = await ask(lake, None, None, None, None, None)
    assert [result.rows[0][name] for name in ("lost", "in_flight", "broken_lines")] == [3, 4, 1]
    said = result.findings
    assert said[0].startswith("3 of 70 rows that were sent are lost, 90 % have arrived: the lake has what the bridge")
    assert said[1] == "4 of 70 rows that were sent have not arrived yet, 90 % have: they are on their way."
    assert "pump-1 of north: 60 sent, 55 in the lake, 3 lost, 2 on their way, 0 doubled." in said
    assert "pump-2 of north: 10 sent, 8 in the lake, 0 lost, 2 on their way, 0 doubled." in said
    assert "The books do not balance on 1 of 2 lines." in said
    assert_found_again(lake, result)


async def test_no_books_say_which_days_have_some(lake: FakeLake) -> None:
    result = await ask(lake, "pump-1", None, None, date(2022, 1, 1), date(2022, 1, 2))
    assert not result.found
    assert (
        "no books of pump-1 from 2022-01-01 to 2022-01-02; they run from 2023-04-10 to 2023-04-11" in result.findings[0]
    )
    empty = await ask(FakeLake({}), None, None, None, None, None)
    assert (empty.found, empty.findings) == (False, ["There are no books yet."])


async def test_it_goes_the_way_of_every_tool(lake: FakeLake) -> None:
    audit = FakeAudit()
    denied = tool_context(lake=lake, subscriptions=["SCADA_MONITOR"], audit=audit)
    allowed = tool_context(lake=lake, subscriptions=["SCADA_MONITOR"], permissions=["SCADA.READ"], audit=audit)
    backwards = {"first": "2023-04-11", "last": "2023-04-10"}
    exits = [(await call_tool(data_ledger, {}, one)).exit.value for one in (denied, allowed)]
    exits.append((await call_tool(data_ledger, backwards, allowed)).exit.value)
    assert exits == ["denied", "ok", "invalid"] == [record["outcome"] for record in audit.records]
    assert audit.records[1]["after"]["evidence"][0] == "ops.books@0"
